"""`python -m bestiary.cli` is the command `bestiary`."""

from . import main

if __name__ == "__main__":
    main()
