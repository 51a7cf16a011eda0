"""The cache in Redis, shared by every replica; what it cannot ask Redis it computes."""

import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from raia_kit.cache import DEFAULT_BYTES, CategoryStats, InProcessCache, SingleFlight, entry_size
from raia_kit.redis_client import Outage

# Per category, in one hash slot: `values` and `sizes` (hashes by key), `expiry` (sorted set of keys by the millisecond
# at which they end) and `facts` (epoch, bytes, hits, misses). Redis's own clock decides.
_PURGE = """
local values, sizes, expiry, facts = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function drop(keys)
  for _, key in ipairs(keys) do
    local size = redis.call('HGET', sizes, key)
    if size then
      redis.call('HINCRBY', facts, 'bytes', -size)
    end
    redis.call('HDEL', values, key)
    redis.call('HDEL', sizes, key)
    redis.call('ZREM', expiry, key)
  end
end
local function purge()
  drop(redis.call('ZRANGEBYSCORE', expiry, '-inf', now, 'LIMIT', 0, 1000))
end
"""
_GET = (
    _PURGE
    + """
local until_ = redis.call('ZSCORE', expiry, ARGV[1])
local found = until_ and tonumber(until_) > now and redis.call('HGET', values, ARGV[1]) or false
if ARGV[2] == '1' then
  redis.call('HINCRBY', facts, found and 'hits' or 'misses', 1)
end
return {found, redis.call('HGET', facts, 'epoch') or '0'}
"""
)
_SET = (
    _PURGE
    + """
local key, value, size, ttl, largest, epoch = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), ARGV[6]
if epoch ~= '' and epoch ~= (redis.call('HGET', facts, 'epoch') or '0') then
  return 0
end
purge()
drop({key})
if size > largest or tonumber(ttl) <= 0 then
  return 0
end
redis.call('HSET', values, key, value)
redis.call('HSET', sizes, key, size)
redis.call('ZADD', expiry, now + ttl, key)
local total = redis.call('HINCRBY', facts, 'bytes', size)
while total > largest do
  local soonest = redis.call('ZRANGE', expiry, 0, 1)
  drop({soonest[1] ~= key and soonest[1] or soonest[2]})
  total = tonumber(redis.call('HGET', facts, 'bytes'))
end
return 1
"""
)
_STATS = (
    _PURGE
    + """
purge()
local stored = redis.call('HMGET', facts, 'bytes', 'hits', 'misses')
return {redis.call('ZCARD', expiry), tonumber(stored[1] or 0), tonumber(stored[2] or 0), tonumber(stored[3] or 0)}
"""
)
_CLEAR = (
    _PURGE
    + """
purge()
local count = redis.call('ZCARD', expiry)
local epoch = (redis.call('HGET', facts, 'epoch') or '0') + 1
redis.call('DEL', values, sizes, expiry, facts)
redis.call('HSET', facts, 'epoch', string.format('%d', epoch))
return count
"""
)
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class RedisCache:
    """``Cache`` in Redis; a full category first loses what would expire soonest.

    While Redis is away every process keeps a small cache of its own for a second at most, so that an outage neither
    stops callers nor lets them read what another replica has cleared for long.
    """

    _CLAIM_MS = 10_000
    _POLL = 0.02

    def __init__(self, client: Redis, *, prefix: str = "raia:cache", max_bytes: int = DEFAULT_BYTES) -> None:
        self._client, self._prefix, self._max_bytes = client, prefix, max_bytes
        self._scripts = {
            name: client.register_script(text)
            for name, text in {
                "get": _GET, "set": _SET, "stats": _STATS, "clear": _CLEAR, "release": _RELEASE,
            }.items()
        }  # fmt: skip
        self._flights = SingleFlight()
        self._outage = Outage("what it caches is computed until it is back")
        self._fallback = InProcessCache(max_bytes=min(max_bytes, 8 * 1024**2))
        self._never = threading.Event()

    def get(self, category: str, key: str) -> bytes | None:
        """As ``Cache.get``."""
        found = self._read(category, key, count=True)
        return found[0] if found is not None else self._fallback.get(category, key)

    def set(self, category: str, key: str, value: bytes, ttl: float) -> None:
        """As ``Cache.set``."""
        if not self._write(category, key, value, ttl, epoch=""):
            self._fallback.set(category, key, value, min(ttl, 1.0))

    def get_or_compute(self, category: str, key: str, ttl: float, compute: Callable[[], bytes]) -> bytes:
        """As ``Cache.get_or_compute``, across replicas; who waits 10 s for another replica computes itself."""
        value = self.get(category, key)
        if value is not None:
            return value
        return self._flights.run((category, key), lambda: self._fill(category, key, ttl, compute))

    def stats(self) -> list[CategoryStats]:
        """As ``Cache.stats``; empty while Redis is away."""
        names: Any = self._ask(lambda: self._client.smembers(f"{self._prefix}:categories")) or set()
        found = []
        for name in sorted(item.decode() for item in names):
            figures = self._run("stats", name)
            if figures is not None:
                found.append(CategoryStats(name, *(int(figure) for figure in figures)))
        return found

    def clear(self, category: str) -> int:
        """As ``Cache.clear``; raises ``RedisError`` when Redis is away, since nothing would be cleared."""
        self._fallback.clear(category)
        return int(self._scripts["clear"](keys=self._keys(category)))

    def flush(self) -> int:
        """As ``Cache.flush``; raises like ``clear``."""
        self._fallback.flush()
        names: Any = self._client.smembers(f"{self._prefix}:categories")
        return sum(self.clear(name.decode()) for name in names)

    def _fill(self, category: str, key: str, ttl: float, compute: Callable[[], bytes]) -> bytes:
        claim, token = f"{self._prefix}:{{{category}}}:claim:{key}", secrets.token_hex(16)
        patience = time.monotonic() + self._CLAIM_MS / 1000
        while True:
            found = self._read(category, key, count=False)
            if found is None:
                return self._fallback.get_or_compute(category, key, min(ttl, 1.0), compute)
            if found[0] is not None:
                return found[0]
            claimed = self._ask(lambda: self._client.set(claim, token, nx=True, px=self._CLAIM_MS))
            if claimed or self._outage.lasting or time.monotonic() > patience:
                break
            self._never.wait(self._POLL)
        try:
            value = compute()
            self._write(category, key, value, ttl, epoch=found[1])
            return value
        finally:
            self._ask(lambda: self._scripts["release"](keys=[claim], args=[token]))

    def _read(self, category: str, key: str, *, count: bool) -> tuple[bytes | None, str] | None:
        """Value and epoch; None when Redis did not answer."""
        answer = self._run("get", category, key, "1" if count else "0")
        if answer is None:
            return None
        if count and answer[0] is None:
            self._ask(lambda: self._client.sadd(f"{self._prefix}:categories", category))
        return answer[0], answer[1].decode()

    def _write(self, category: str, key: str, value: bytes, ttl: float, *, epoch: str) -> bool:
        size, milliseconds = entry_size(key, value), int(ttl * 1000)
        self._ask(lambda: self._client.sadd(f"{self._prefix}:categories", category))
        return self._run("set", category, key, value, size, milliseconds, self._max_bytes, epoch) is not None

    def _run(self, script: str, category: str, *arguments: Any) -> Any:
        return self._ask(lambda: self._scripts[script](keys=self._keys(category), args=arguments))

    def _ask(self, question: Callable[[], Any]) -> Any:
        """Redis's answer; None when it is away."""
        if self._outage.lasting:
            return None
        try:
            answer = question()
        except RedisError as error:
            self._outage.begin(error)
            return None
        self._outage.end()
        return answer

    def _keys(self, category: str) -> list[str]:
        return [f"{self._prefix}:{{{category}}}:{part}" for part in ("values", "sizes", "expiry", "facts")]
