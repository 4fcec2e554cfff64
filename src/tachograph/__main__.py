"""`python -m tachograph` is `tacho`."""

import sys

from tachograph.cli import main

sys.exit(main())
