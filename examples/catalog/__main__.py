"""`python examples/catalog [PATH]`: the job, recording into your own home.

Start `tacho dashboard` beside it, before or after. The program itself is the package
`tachograph.demo`, so that `tacho demo` has it wherever Tachograph is installed.
"""

import sys

from tachograph.demo.catalog import main

if __name__ == "__main__":
    sys.exit(main())
