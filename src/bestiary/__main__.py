"""`python -m bestiary` is the command `bestiary`."""

from .cli import main

if __name__ == "__main__":
    main()
