"""KeyService over gRPC."""

import grpc
from raia.auth.v1 import key_service_pb2, key_service_pb2_grpc

from raia_auth.keys.service import KeyRing


class KeyServicer(key_service_pb2_grpc.KeyServiceServicer):
    """Public keys of the token issuer."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def GetJwks(self, _request: key_service_pb2.GetJwksRequest, _context: grpc.ServicerContext) -> key_service_pb2.Jwks:
        """The current and the recently retired public keys."""
        return key_service_pb2.Jwks(keys=[key_service_pb2.Jwk(**key) for key in self._ring.public_keys()])
