"""The metrics of the auth service, by name."""

from prometheus_client import Counter, Gauge, Histogram

SIGN_INS = Counter("raia_auth_sign_ins_total", "Sign-ins by outcome: success or the reason of the refusal", ["outcome"])
REFRESHES = Counter("raia_auth_refreshes_total", "Presented refresh tokens by what they were", ["presented"])
LEDGER_ENTRIES = Counter("raia_auth_ledger_entries_total", "Entries that got a place in a ledger", ["service"])
LEDGER_DELAY = Histogram(
    "raia_auth_ledger_delay_seconds",
    "Time from what an entry records to its place in the ledger",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300),
)
LEDGER_UNSEQUENCED = Gauge(
    "raia_auth_ledger_unsequenced_entries", "Audit entries in the event log that have no place in a ledger yet"
)
