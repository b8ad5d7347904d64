"""Speakers nobody has heard: vocal tracts drawn by chance, as the voice variants that espeak-ng takes.

espeak-ng comes with some eighty variants, most of them made by hand and few of them alike. Drawn from the ranges that
they lie in, as many more as are wanted make training hear a phrase from every kind of throat. The words are those of
espeak-ng's docs/voices.md: percentages of formants 0 to 8 in frequency, height and width, pitch in Hz, and so on.
"""

import numpy as np

FORMANTS = 9
WHISPERED, BREATHY, KLATT, TINTED, STRESSED, ECHOING = 0.06, 0.2, 0.2, 0.3, 0.3, 0.1  # how many of the voices
WHISPER = ((60, 90), (60, 90), (35, 65), (25, 55), (10, 20), (5, 15))  # levels of breath
TINT_HZ = ((80, 500), (600, 1500), (2000, 4000))


def tract(seed: int) -> str:
    """A voice variant drawn from this seed: the text of its file."""
    draw = np.random.default_rng([seed, 3])
    lines = ["language variant", f"flutter {draw.integers(21)}", f"roughness {draw.integers(6)}"]
    whispered = draw.uniform() < WHISPERED
    length = draw.uniform(0.85, 1.22)  # of all formants alike: a short tract has high ones
    for formant in range(FORMANTS):
        own = draw.uniform(0.8, 1.25) if formant else draw.uniform(0.9, 1.1) / length
        height = draw.uniform(60, 150) if formant < 4 else draw.uniform(0, 130)
        if whispered and not formant:
            height = 0
        lines.append(f"formant {formant} {100 * length * own:.0f} {height:.0f} {draw.uniform(55, 165):.0f}")
    low = _spread(draw, 65, 200)
    lines.append(f"pitch {low:.0f} {low * draw.uniform(1.2, 1.8):.0f}")
    lines.append(f"voicing {17 if whispered else _spread(draw, 40, 200):.0f}")
    lines.append(f"consonants {_spread(draw, 50, 150):.0f} {_spread(draw, 50, 150):.0f}")
    if whispered:
        lines.append(f"breath {' '.join(str(draw.integers(low, high)) for low, high in WHISPER)}")
        lines.append("breathw 150 150 200 200 400 400")
    elif draw.uniform() < BREATHY:
        lines.append(f"breath 0 {' '.join(str(draw.integers(7)) for _ in range(7))}")
    if not whispered and draw.uniform() < KLATT:
        lines.append(f"klatt {draw.integers(1, 7)}")
    if draw.uniform() < TINTED:  # the spectrum as a line through frequencies in Hz and levels up to 255
        corners = (f"{draw.uniform(*span):.0f} {_spread(draw, 40, 256):.0f}" for span in TINT_HZ)
        lines.append(f"tone {' '.join(corners)}")
    if draw.uniform() < STRESSED:
        lines.append(f"stressAdd {' '.join(str(draw.integers(-20, 130)) for _ in range(8))}")
        lines.append(f"stressAmp {' '.join(str(draw.integers(14, 36)) for _ in range(8))}")
    if draw.uniform() < ECHOING:
        lines.append(f"echo {draw.integers(10, 160)} {draw.integers(5, 60)}")
    return "\n".join(lines) + "\n"


def _spread(draw: np.random.Generator, low: float, high: float) -> float:
    """Even over the ratios between two bounds."""
    return float(np.exp(draw.uniform(np.log(low), np.log(high))))
