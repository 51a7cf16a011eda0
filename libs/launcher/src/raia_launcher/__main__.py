"""``python -m raia_launcher`` is the ``raia`` command."""

from raia_launcher.cli import main

raise SystemExit(main())
