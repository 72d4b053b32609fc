"""Encoders: the torch-free ground they are served from, and the wing they are trained in."""

import os

# The one thing that happens at import. ONNX Runtime (1.29 and later, on Linux) reports sessions to
# its maker, and keeps a device id and a queue of reports in the home folder, unless it is told not
# to before it is loaded; `disable_telemetry_events()` comes too late.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
