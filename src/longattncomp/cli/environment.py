"""settings -> what is installed on this machine: `info`."""

import platform
import re
from importlib.metadata import distributions

import typer

from longattncomp import Settings, __version__
from longattncomp.cli.console import SettingsFile, exit_codes
from longattncomp.html.names import visible
from longattncomp.runtime.setting_files import places
from longattncomp.scorers.methods import METHODS

_CUDA = re.compile(r"(cuda|nvidia|triton)\b|torch/.*cuda.*\.so")
"""Packages, and files of torch, that only a build for CUDA brings."""


def info(settings_file: SettingsFile = None) -> None:
    """Show versions, device, arithmetic, models and the model folder."""
    with exit_codes():
        import torch
        import transformers

        from longattncomp.backbone.loading import choose_device, choose_dtype
        from longattncomp.backbone.locate import EMBEDDED, package_file, weights_folder
        from longattncomp.scorers.cross_attention.head import read_head_config
        from longattncomp.scorers.cross_attention.opening import head_file

        for source in places(settings_file):
            typer.echo(
                f"{'settings':<14}{visible(str(source.absolute()))}{'' if source.is_file() else ' (there is none)'}"
            )
        settings = Settings.load(yaml_file=settings_file)
        device = choose_device(settings.device)
        rows = [
            ("longattncomp", f"{__version__}, Python {platform.python_version()}"),
            ("torch", f"{torch.__version__}, {_build()}, {torch.get_num_threads()} threads"),
            ("transformers", transformers.__version__),
            ("device", str(device)),
            ("dtype", str(choose_dtype(settings.dtype, device)).removeprefix("torch.")),
            ("model", settings.model),
        ]
        for name, embedded in EMBEDDED.items():
            found = weights_folder(embedded, embedded.layers) or package_file(embedded.gguf_package, embedded.gguf)
            rows.append(("embedded", f"{name}: {found or f'not installed: {embedded.install}'}"))
        heads = METHODS[settings.method].heads
        file = head_file(settings, heads[-1]) if heads else None
        if file is None:
            rows.append(("head", "untrained: the draft model's own layer L+1"))
        else:
            config = read_head_config(file)
            rows.append(("head", f"{file}: L={config.layers}, stages {', '.join(config.trained) or 'unknown'}"))
        rows.append(("model folder", str(settings.model_dir)))
        for folder in sorted(settings.model_dir.glob("models/*/layers-*")):
            size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
            rows.append(("converted", f"{folder.relative_to(settings.model_dir / 'models')}, {size:.0f} MB"))
        for label, value in rows:
            typer.echo(f"{label:<14}{visible(value)}")


def _build() -> str:
    """Say which build of torch is installed, and what the one without CUDA would save."""
    import torch

    if torch.version.cuda is None:
        return "build without CUDA"
    if torch.cuda.is_available():
        return f"build for CUDA {torch.version.cuda}"
    size = 0
    for package in distributions():
        if (extra := _CUDA.match(package.name)) or package.name == "torch":
            size += sum(file.size or 0 for file in package.files or () if extra or _CUDA.match(file.as_posix()))
    return (
        f"build for CUDA {torch.version.cuda}, which finds no GPU: the CPU build is {size / 1e9:.1f} GB smaller "
        "(in a new environment: pip install torch --index-url https://download.pytorch.org/whl/cpu)"
    )
