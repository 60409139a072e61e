"""``python -m rapprochement``: the command."""

from .cli import main

raise SystemExit(main())
