package io.github.p3o.transformer;

/**
 * How the wavelengths of rotary positions were stretched, so that a model reads longer sequences
 * than it first learned. A pair of elements of frequency f turns by {@code position · f} radians.
 */
public sealed interface RotaryScaling {

  /** Wavelengths as they are. */
  RotaryScaling NONE = new Linear(1);

  /**
   * The frequency after scaling.
   *
   * @param frequency in radians for each position, &gt; 0
   * @return likewise
   */
  double scaled(double frequency);

  /**
   * All wavelengths are longer (position interpolation, arXiv 2306.15595): f / factor.
   *
   * @param factor &gt; 0
   */
  record Linear(double factor) implements RotaryScaling {

    /** Checks the factor. */
    public Linear {
      check(factor > 0 && Double.isFinite(factor), "factor: expected > 0 and finite", factor);
    }

    @Override
    public double scaled(double frequency) {
      return frequency / factor;
    }
  }

  /**
   * Long wavelengths are longer and short ones stay (LLaMA 3.1 and 3.2). With n = original · f /
   * 2π, how often a pair turns within the original positions: f where n ≥ high, f / factor where n
   * ≤ low, and between them {@code (1 − s) f / factor + s f} with s = (n − low) / (high − low).
   *
   * @param factor &gt; 0
   * @param lowFrequencyFactor low, &gt; 0
   * @param highFrequencyFactor high, &gt; low
   * @param originalPositions that the model first learned, ≥ 1
   */
  record Llama3(
      double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalPositions)
      implements RotaryScaling {

    /** Checks each. */
    public Llama3 {
      check(factor > 0 && Double.isFinite(factor), "factor: expected > 0 and finite", factor);
      check(lowFrequencyFactor > 0, "low_freq_factor: expected > 0", lowFrequencyFactor);
      check(
          highFrequencyFactor > lowFrequencyFactor && Double.isFinite(highFrequencyFactor),
          "high_freq_factor: expected finite and above low_freq_factor, " + lowFrequencyFactor,
          highFrequencyFactor);
      check(
          originalPositions >= 1,
          "original_max_position_embeddings: expected at least 1",
          originalPositions);
    }

    @Override
    public double scaled(double frequency) {
      double turns = originalPositions * frequency / (2 * Math.PI);
      double share = (turns - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
      double kept = Math.min(1, Math.max(0, share));
      return (1 - kept) * frequency / factor + kept * frequency;
    }
  }

  private static void check(boolean holds, String rule, Object value) {
    if (!holds) {
      throw new IllegalArgumentException(rule + ", got " + value);
    }
  }
}
