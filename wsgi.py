"""The WSGI application, for any server: `wsgi:app`."""

import os

from field_api.app import create_app
from field_api.config import Config

app = create_app(Config.from_env(os.environ))
