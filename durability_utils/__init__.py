"""Do patients who got better in NHS Talking Therapies stay better 6 and 12 months after discharge?"""

import sys

# Compiled when installing; on a full disk Python would leave half a file behind, and nothing would start any more.
sys.dont_write_bytecode = True
