"""The schemas before today's: for each, the step that leads on from it. There are none yet; 1 is the first.

A step is added with the change to `types.py` that an older terminal would misread, and with a migration that
rewrites the records as the step rewrites operations. A step, once released, is never changed: what terminals
wrote under it lies in the inbox for ever. See ADR 26.
"""

from __future__ import annotations

from sync.engine.translate import Schemas

SCHEMAS = Schemas(steps=(), oldest=1)
