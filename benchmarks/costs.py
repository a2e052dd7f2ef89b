"""What the engine costs, in words and tables: sections of docs/engine.md."""

from benchmarks.markdown import Figures, table


def scoring(figures: Figures) -> str:
    """Costs of a posterior beside the encoder."""
    targets = figures["targets"]
    rows = [
        [
            "64 samples and tree-BALD of a galaxy, µs",
            f"{figures['head_us_per_galaxy_64']:.1f}",
            f"{targets['head_us_per_galaxy_64']:g}",
        ],
        [
            "encoder, 64 samples and score over encoder and one pass",
            f"{figures['overhead_64']:.3f}",
            f"{targets['overhead_64']:g}",
        ],
        [
            "the same with convnext_atto, at its own 224 px",
            f"{figures['overhead_64_convnext_atto']:.3f}",
            f"{targets['overhead_64_convnext_atto']:g}",
        ],
        ["at 64 px", f"{figures['overhead_64_convnext_atto_64_px']:.3f}", ""],
        [
            "as fast as encoding again for each of 25 samples",
            f"{figures['speedup_over_rerun']:.1f} times",
            f"{targets['speedup_over_rerun']:g} times",
        ],
    ]
    if "baal_speedup" in figures:
        rows.append(
            [
                f"as fast as baal 2.1, whose 25 samples cost {figures['baal_passes']:.1f} passes",
                f"{figures['baal_speedup']:.1f} times",
                "",
            ]
        )
    return f"## What a posterior costs\n{table(['', 'measured', 'to reach'], rows)}"


def rescore(figures: Figures) -> str:
    """Refitting and rescoring a survey."""
    rows = [
        [f"refit on {figures['n_labelled']:,} galaxies with votes, s", f"{figures['refit_s']:.1f}", ""],
        [f"rescore {figures['n_galaxies']:,} galaxies, s", f"{figures['rescore_s']:.1f}", ""],
        ["together, s", f"{figures['refit_s'] + figures['rescore_s']:.1f}", "60"],
        ["anonymous memory at most, MB", f"{figures['peak_rss_mb']}", "2048"],
    ]
    return f"""## How fast a survey is rescored
{figures["n_samples"]} samples of GZ DECaLS's tree; the separable score for all, the exact one for the top 5 %.

{table(["", "measured", "to reach"], rows)}"""


def training(figures: Figures) -> str:
    """How well training is fed."""
    rows = [
        ["pictures a second", f"{figures['images_per_s']:.0f}", ""],
        ["over the bare step, fed from memory", f"{figures['ratio_to_bare_step']:.2f}", "0.9"],
    ]
    return f"## How fast an encoder is trained\n{table(['', 'measured', 'to reach'], rows)}"
