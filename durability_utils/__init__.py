"""Do patients who got better in NHS Talking Therapies stay better 6 and 12 months after discharge?"""

import os
import sys
from pathlib import Path

# Compiled when installing; on a full disk Python would leave half a file behind, and nothing would start any more.
sys.dont_write_bytecode = True

# IPython and matplotlib keep files in the user's home, and warn where they cannot: then they have a folder for as long
# as this process lives. Its kernels inherit it.
try:
    _home = Path.home()
except RuntimeError:  # a user whom the system does not know
    _home = Path(os.devnull)
if not os.access(_home, os.W_OK) or not _home.is_dir():
    import atexit  # these only here: until all is imported that comes before `main`, a Ctrl-C ends with a traceback
    import shutil
    import tempfile

    _elsewhere = tempfile.mkdtemp(prefix="durability-")
    atexit.register(shutil.rmtree, _elsewhere, ignore_errors=True)
    for _name in ("IPYTHONDIR", "MPLCONFIGDIR", *(["HOME"] if _home == Path(os.devnull) else [])):
        os.environ.setdefault(_name, _elsewhere)
