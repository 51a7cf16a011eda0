"""Token buckets in Redis; apart from ``rate_limit``, so that a process without Redis does not load its client."""

from redis import Redis
from redis.exceptions import RedisError

from raia_kit.rate_limit import Decision, InProcessRateLimiter, Rate, decision
from raia_kit.redis_client import Outage


class RedisRateLimiter:
    """Buckets in Redis, shared by every replica; one script reads, refills and takes, by Redis's own clock.

    While Redis is away each process limits by itself: limits then hold per replica rather than not at all.
    """

    _SCRIPT = """
    local time = redis.call('TIME')
    local now = time[1] * 1000 + time[2] / 1000
    local capacity, per_ms, cost = tonumber(ARGV[1]), tonumber(ARGV[2]) / 1000, tonumber(ARGV[3])
    local stored = redis.call('HMGET', KEYS[1], 'tokens', 'at')
    local tokens, at = tonumber(stored[1]) or capacity, tonumber(stored[2]) or now
    tokens = math.min(capacity, tokens + math.max(0, now - at) * per_ms)
    local allowed = 0
    if tokens >= cost then
      tokens = tokens - cost
      allowed = 1
    end
    redis.call('HSET', KEYS[1], 'tokens', string.format('%.9f', tokens), 'at', string.format('%.3f', now))
    redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - tokens) / per_ms) + 1000)
    return {allowed, string.format('%.9f', tokens)}
    """

    def __init__(self, client: Redis, *, prefix: str = "raia:rate:") -> None:
        self._take = client.register_script(self._SCRIPT)
        self._prefix = prefix
        self._fallback = InProcessRateLimiter()
        self._outage = Outage("rate limits hold per process until it is back")

    def take(self, key: str, rate: Rate, cost: float = 1.0) -> Decision:
        """As ``RateLimiter.take``."""
        if self._outage.lasting:
            return self._fallback.take(key, rate, cost)
        try:
            allowed, left = self._take(keys=[self._prefix + key], args=[rate.capacity, rate.per_second, cost])
        except RedisError as error:
            self._outage.begin(error)
            return self._fallback.take(key, rate, cost)
        self._outage.end()
        return decision(bool(allowed), float(left), rate, cost)
