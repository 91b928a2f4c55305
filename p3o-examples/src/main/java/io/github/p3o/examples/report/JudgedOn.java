package io.github.p3o.examples.report;

/** Which prompts a policy is judged on. */
public enum JudgedOn {
  /** Prompts that it is not trained on. */
  HELD_OUT("-held-out", "held-out prompts"),
  /** Those that it is trained on. */
  TRAINING("-judged", "the prompts of the training, as none was held out");

  private final String suffix;
  private final String words;

  JudgedOn(String suffix, String words) {
    this.suffix = suffix;
    this.words = words;
  }

  /** Behind the name of a stage: judgements of its policy. */
  public String suffix() {
    return suffix;
  }

  /** In a sentence, after "on". */
  public String words() {
    return words;
  }
}
