"""Say what may not stand in a model's environment, as it would run other code than the model's.

On SageMaker a container holds what its variables do; here the model server is a process of the
user's, beside everything else that is theirs.
"""

from collections.abc import Mapping

from inference_code.server.model_server.programs import is_program

_CODE_FOLDER = "/opt/ml/model/code"
# Of the loader, the interpreter, the shell, libraries: code, or the place that code is read from.
_STARTS = (
    *("BASH_", "DYLD_", "GIT_", "GLIBC_", "JAVA_", "JDK_", "LD_", "OCL_", "OPENSSL_", "PERL5"),
    *("PYTHON", "RUBY", "TORCHINDUCTOR_", "TRITON_", "VK_", "_JAVA_"),
)
_NAMES = (
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "CC",
    "CUDA_HOME",
    "CUDA_INJECTION64_PATH",
    "CUDA_PATH",
    "CXX",
    "ENV",
    "GCONV_PATH",
    "HOME",
    "IFS",
    "INTEL_LIBITTNOTIFY32",
    "INTEL_LIBITTNOTIFY64",
    "LOCPATH",
    "NCCL_CONF_FILE",
    "NCCL_ENV_PLUGIN",
    "NCCL_NET_PLUGIN",
    "NCCL_PROFILER_PLUGIN",
    "NCCL_TUNER_PLUGIN",
    "NODE_OPTIONS",
    "OMP_TOOL_LIBRARIES",
    "PATH",
    "SHELL",
    "SHELLOPTS",
    "TEMP",
    "TMP",
    "TMPDIR",
    "TORCH_EXTENSIONS_DIR",
    "TORCH_HOME",
)
_HARMLESS = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONFAULTHANDLER",
    "PYTHONHASHSEED",
    "PYTHONIOENCODING",
    "PYTHONUNBUFFERED",
    "PYTHONUTF8",
)


def environment_problem(environment: Mapping[str, str]) -> str:
    """Return why a model cannot have this environment here; empty when it can."""
    for name, value in environment.items():
        loud = name.upper()
        if loud not in _HARMLESS and (loud in _NAMES or loud.startswith(_STARTS)):
            return (
                f"Environment may not hold {name} on this machine, where it would decide what code "
                "runs outside of the model: leave it out."
            )
        if name == "SAGEMAKER_PROGRAM" and not is_program(value):
            return (
                f"SAGEMAKER_PROGRAM must be the name of a file in the model's code/, not {value!r}."
            )
        if name == "SAGEMAKER_SUBMIT_DIRECTORY" and value.rstrip("/") != _CODE_FOLDER:
            return (
                f"SAGEMAKER_SUBMIT_DIRECTORY must be {_CODE_FOLDER} here, not {value!r}: what runs "
                "is the model's own code/."
            )
    return ""
