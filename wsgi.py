"""The WSGI application, for any server: `wsgi:app`."""

import gc
import os

from field_api.app import create_app
from field_api.casework import rulebook
from field_api.casework.documents import press
from field_api.config import Config
from field_api.observe import configure_logging

configure_logging()
press.check()
rulebook.warm()
app = create_app(Config.from_env(os.environ))
# What is there now stays for good; a collector that walks it again and again takes a twentieth of every push.
gc.collect()
gc.freeze()
