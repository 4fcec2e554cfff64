"""`python examples/automation`: robots that enter orders into a program by looking at its screen.

Start `tacho dashboard` beside it, before or after.
"""

from __future__ import annotations

import argparse
import multiprocessing

import shift


def main() -> None:
    """Read the arguments, start the robots."""
    parser = argparse.ArgumentParser(prog="python examples/automation", description=__doc__)
    parser.add_argument("--robots", type=int, default=2, help="processes (2)")
    parser.add_argument("--orders", type=int, default=0, help="stop after so many each (never)")
    args = parser.parse_args()
    robots = [
        multiprocessing.get_context("spawn").Process(target=shift.run, args=(number, args.orders))
        for number in range(1, args.robots + 1)
    ]
    for robot in robots:
        robot.start()
    try:
        for robot in robots:
            robot.join()
    except KeyboardInterrupt:
        for robot in robots:
            robot.join(5)


if __name__ == "__main__":
    main()
