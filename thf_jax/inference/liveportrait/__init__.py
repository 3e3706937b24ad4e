"""How LivePortrait carries motion over, between `motion` and `render` (Guo et al. 2024, sections 3.2 to 3.4)."""
