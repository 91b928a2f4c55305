package io.github.p3o.examples.language;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import io.github.p3o.examples.run.Checks;
import io.github.p3o.examples.run.Shell;
import io.github.p3o.examples.run.UsageException;
import io.github.p3o.transformer.DecoderConfig;
import io.github.p3o.transformer.LoraConfig;
import io.github.p3o.transformer.TransformerRewardModel;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of a low-rank adapter. */
public final class LoraOptions {

  @Option(
      names = "--lora-rank",
      paramLabel = "R",
      description = "Train a low-rank adapter of this rank in place of the whole model.")
  private @Nullable Integer rank;

  @Option(
      names = "--lora-alpha",
      paramLabel = "X",
      description = "Scale of the adapter, divided by the rank (default: twice the rank).")
  private @Nullable Double alpha;

  @Option(
      names = "--lora-target",
      paramLabel = "NAME",
      split = ",",
      description =
          "Products to adapt, such as q_proj,v_proj (default: queries and values of every layer).")
  private List<String> targets = ImmutableList.of();

  /** Refuses options that mean nothing. */
  public void check() {
    if (rank == null && (alpha != null || !targets.isEmpty())) {
      throw new UsageException(
          "--lora-rank: expected with --lora-alpha or --lora-target, got none");
    }
    if (rank != null) {
      Checks.atLeast("--lora-rank", 1, rank);
    }
  }

  /** Whether an adapter is asked for. */
  public boolean isWanted() {
    return rank != null;
  }

  /** The model; or, if an adapter is asked for, the same with a new one in its place. */
  public LanguageModel applyTo(LanguageModel model, long seed) {
    return isWanted()
        ? model.with(whole -> add(whole.config(), config -> whole.withAdapter(config, seed)))
        : model;
  }

  /** The same of a reward model. */
  public TransformerRewardModel applyTo(TransformerRewardModel model, long seed) {
    if (!isWanted()) {
      return model;
    }
    try (model) {
      return add(model.config(), config -> model.withAdapter(config, seed));
    }
  }

  /**
   * Where a run left the language model's adapter, and the command that samples with it over the
   * weights that it was trained over.
   *
   * @param base directory of those weights
   * @param run directory of the run
   * @return a line to print; empty if no adapter was asked for
   */
  public Optional<String> result(Path base, Path run) {
    Path adapter = run.resolve(LanguageModel.ADAPTER);
    return isWanted()
        ? Optional.of(
            "Adapter: %s, to sample: p3o generate --policy %s --adapter %s"
                .formatted(adapter, Shell.word(base), Shell.word(adapter)))
        : Optional.empty();
  }

  private <M> M add(DecoderConfig sizes, Function<LoraConfig, M> add) {
    try {
      LoraConfig usual = LoraConfig.of(sizes.architecture(), rank == null ? 0 : rank);
      return add.apply(
          new LoraConfig(
              usual.rank(),
              alpha == null ? usual.alpha() : alpha,
              targets.isEmpty() ? usual.targetModules() : ImmutableSet.copyOf(targets)));
    } catch (IllegalArgumentException e) {
      throw new UsageException("--lora-rank, --lora-alpha, --lora-target: " + e.getMessage());
    }
  }
}
