"""Define the errors that stand in the way of a deployment."""


class DeployError(Exception):
    """The deployment cannot be made; the message says what is in the way."""


class EndpointBusyError(DeployError):
    """The endpoint is being brought to something else: call again when that is done."""


class NothingToReturnToError(DeployError):
    """There is no earlier version that could take the place of the one in the endpoint."""
