"""The one Flask extension object that the packages share."""

from __future__ import annotations

from flask_sqlalchemy import SQLAlchemy

from sync.store.base import Base

db = SQLAlchemy(metadata=Base.metadata, disable_autonaming=True)
