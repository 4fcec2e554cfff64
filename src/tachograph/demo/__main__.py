"""`python -m tachograph.demo [PATH]`: the job alone, recording into your own home."""

import sys

from tachograph.demo.catalog import main

if __name__ == "__main__":
    sys.exit(main())
