"""The project as a wheel and as an sdist, built and installed as a user installs them."""
