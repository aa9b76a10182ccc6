"""`python -m zmeta`."""

from zmeta.cli.main import run

if __name__ == "__main__":
    run()
