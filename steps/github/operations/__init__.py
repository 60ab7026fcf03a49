"""What the steps ask of GitHub, with one module for each kind of thing that GitHub keeps."""
