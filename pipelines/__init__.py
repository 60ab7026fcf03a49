"""What is submitted: Hera definitions of every manifest, and the renderer that writes them to `rendered/`."""
