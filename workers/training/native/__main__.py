"""Builds the kernel ahead of its first use: `python -m workers.training.native [--all]`."""

import argparse

from workers.training.native.build import BUILT, TARGETS, build, native_library


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m workers.training.native", description=__doc__)
    parser.add_argument("--all", action="store_true", help="for every CPU, not only for this one")
    if parser.parse_args().all:
        for target in TARGETS.values():
            print(build(target, BUILT))
        return
    library = native_library()
    print("no native kernel here" if library is None else f"native kernel for {library.target}")


if __name__ == "__main__":
    main()
