"""What may stand in a model's environment on this machine."""

from pathlib import Path

import pytest

from pipeline.local.service.hosting.model_environment import environment_problem
from pipeline.local.service.hosting.model_process import ModelServerError, start_model_server

REFUSED = {
    "SAGEMAKER_PROGRAM": ["/evil/evil.py", "../evil.py", "a/b.py", "", ".", "..", "a\\b", "a\0"],
    "SAGEMAKER_SUBMIT_DIRECTORY": ["/evil", "s3://b/sourcedir.tar.gz", "/opt/ml/model/code/../x"],
    "PATH": ["/evil"],
    "LD_PRELOAD": ["/evil/evil.so"],
    "LD_LIBRARY_PATH": ["/evil"],
    "DYLD_INSERT_LIBRARIES": ["/evil/evil.so"],
    "PYTHONPATH": ["/evil"],
    "PYTHONHOME": ["/evil"],
    "PYTHONSTARTUP": ["/evil/evil.py"],
    "PYTHONUSERBASE": ["/evil"],
    "PYTHONBREAKPOINT": ["os.system"],
    "pythonpath": ["/evil"],
    "HOME": ["/evil"],
    "TMPDIR": ["/evil"],
    "BASH_ENV": ["/evil/evil.sh"],
    "ENV": ["/evil/evil.sh"],
    "IFS": ["/"],
    "GCONV_PATH": ["/evil"],
    "GLIBC_TUNABLES": ["a=b"],
    "NODE_OPTIONS": ["--require=/evil/evil.js"],
    "OPENSSL_CONF": ["/evil/evil.cnf"],
    "TORCH_HOME": ["/evil"],
    "CXX": ["/evil/compiler"],
    "AWS_CONFIG_FILE": ["/evil/credential_process"],
    "INTEL_LIBITTNOTIFY64": ["/evil/evil.so"],
    "NCCL_NET_PLUGIN": ["/evil/evil.so"],
    "VK_ICD_FILENAMES": ["/evil/evil.json"],
    "JAVA_TOOL_OPTIONS": ["-javaagent:/evil/evil.jar"],
    "GIT_SSH_COMMAND": ["/evil/evil.sh"],
}
TAKEN = {
    "SAGEMAKER_PROGRAM": "serve.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    "SM_RAYSERVE_APP": "ray_app:app",
    "SERVING_METRICS_LOG": "/proc/1/fd/1",
    "SAGEMAKER_MODEL_SERVER_WORKERS": "2",
    "PYTHONUNBUFFERED": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python",
    "OMP_NUM_THREADS": "1",
    "MY_PATH": "/evil",
    "LOG_LEVEL": "debug",
    "NCCL_DEBUG": "INFO",
    "TORCH_LOGS": "+dynamo",
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in REFUSED.items() for value in values]
)
def test_what_decides_about_other_code_is_refused(name: str, value: str, tmp_path: Path) -> None:
    assert environment_problem({"LOG_LEVEL": "debug", name: value}).find(name) >= 0
    with pytest.raises(ModelServerError, match=name):  # also of what is in the state already
        start_model_server(tmp_path / "m.tar.gz", tmp_path, tmp_path / "log", {name: value})


@pytest.mark.parametrize("name", list(TAKEN))
def test_all_else_is_the_models_own(name: str) -> None:
    assert environment_problem({name: TAKEN[name]}) == ""
