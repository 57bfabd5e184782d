"""What can go wrong between a person or a page and us.

HouseError
├── RequestError        (ValueError)   a request we cannot read
│   ├── InvalidBody                    no JSON object
│   ├── InvalidField                   one field is missing or of another kind
│   ├── OutOfRange                     one integer field is missing, no integer, or too small or large
│   ├── BodyTooLarge
│   ├── ForeignHost                    asked under a name that is not ours
│   └── ForeignOrigin                  asked by another site's page
├── RouteNotFound       (LookupError)
├── MethodNotAllowed    (ValueError)
├── NotTogether         (ValueError)   two options of a command that exclude each other
├── OnlyWith            (ValueError)   an option that does nothing without another
├── NotJson             (ValueError)   an option whose text or file is no JSON
├── FileUnreadable      (OSError)      a file that an option names
├── PortInUse           (OSError)
├── PortRefused         (OSError)
├── InvalidPort         (ValueError)
└── InternalError       (RuntimeError) our own mistake
"""

from __future__ import annotations

from models.errors import HouseError


class RequestError(HouseError, ValueError):
    """A request that cannot be read or must not be answered."""


class InvalidBody(RequestError):
    def __init__(self) -> None:
        super().__init__("the request body is not a JSON object in UTF-8")


class InvalidField(RequestError):
    def __init__(self, field: str, expected: str) -> None:
        self.field, self.expected = field, expected
        super().__init__(f"the field {field} must be {expected}")


class OutOfRange(RequestError):
    def __init__(self, field: str, low: int, high: int) -> None:
        self.field, self.low, self.high = field, low, high
        super().__init__(f"the field {field} must be an integer from {low} to {high}")


class BodyTooLarge(RequestError):
    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(f"the request is larger than {limit_bytes} bytes; send less text")


class ForeignHost(RequestError):
    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(f"Logitbox does not answer under the name {host!r}; open the address it printed")


class ForeignOrigin(RequestError):
    def __init__(self, origin: str) -> None:
        self.origin = origin
        super().__init__(f"the page {origin!r} may not use Logitbox; open the address it printed")


class RouteNotFound(HouseError, LookupError):
    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"there is nothing at {path}")


class MethodNotAllowed(HouseError, ValueError):
    def __init__(self, method: str, path: str) -> None:
        self.method, self.path = method, path
        super().__init__(f"{path} does not answer to {method}")


class NotTogether(HouseError, ValueError):
    def __init__(self, option: str, other: str) -> None:
        self.option, self.other = option, other
        super().__init__(f"{option} and {other} do not go together; leave one out")


class OnlyWith(HouseError, ValueError):
    def __init__(self, option: str, needed: str) -> None:
        self.option, self.needed = option, needed
        super().__init__(f"{option} does nothing without {needed}; add it or leave {option} out")


class NotJson(HouseError, ValueError):
    def __init__(self, option: str, reason: str) -> None:
        self.option, self.reason = option, reason
        super().__init__(f"what {option} was given is no JSON ({reason}); correct it")


class FileUnreadable(HouseError, OSError):
    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"the file {path} cannot be read ({reason}); give another, or the text itself")


class PortInUse(HouseError, OSError):
    def __init__(self, port: int, free_port: int) -> None:
        self.port, self.free_port = port, free_port
        super().__init__(f"port {port} is in use; add --port {free_port}")


class PortRefused(HouseError, OSError):
    def __init__(self, port: int, free_port: int) -> None:
        self.port, self.free_port = port, free_port
        super().__init__(f"this account may not open port {port}; add --port {free_port}")


class InvalidPort(HouseError, ValueError):
    def __init__(self, port: int) -> None:
        self.port = port
        super().__init__(f"{port} is not a port; ports go from 0 (any free one) to 65535")


class InternalError(HouseError, RuntimeError):
    def __init__(self) -> None:
        super().__init__(
            "something unexpected went wrong inside Logitbox; set LOGITBOX_DEBUG=1 to see the details"
        )
