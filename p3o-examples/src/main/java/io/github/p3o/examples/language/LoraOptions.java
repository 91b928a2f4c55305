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

/** Options of a low-rank adapter: a new one, or one to go on with. */
public final class LoraOptions {

  @Option(
      names = "--adapter",
      paramLabel = "DIR",
      description =
          "Begin with this low-rank adapter over --policy, as PEFT or --lora-rank leaves it.")
  private @Nullable Path adapter;

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
    if (adapter != null && rank != null) {
      throw new UsageException(
          "--adapter, --lora-rank: expected at most one of them, got both; an adapter has its"
              + " rank");
    }
    if (rank == null && (alpha != null || !targets.isEmpty())) {
      throw new UsageException(
          "--lora-rank: expected with --lora-alpha or --lora-target, got none");
    }
    Checks.atLeast("--lora-rank", 1, rank);
  }

  /** Whether an adapter is trained in place of a language model. */
  public boolean isWanted() {
    return isNew() || adapter != null;
  }

  /** Whether a new adapter is asked for. */
  public boolean isNew() {
    return rank != null;
  }

  /** The model; or, if an adapter is given to begin with, the same with it; this one is closed. */
  public LanguageModel begin(LanguageModel model) {
    return adapter == null ? model : model.withAdapter(adapter);
  }

  /** The same; or, if a new adapter is asked for, the model with that. */
  public LanguageModel applyTo(LanguageModel model, long seed) {
    return isNew()
        ? model.with(whole -> add(whole.config(), config -> whole.withAdapter(config, seed)))
        : begin(model);
  }

  /** The reward model; or, if a new adapter is asked for, the same with that in its place. */
  public TransformerRewardModel applyTo(TransformerRewardModel model, long seed) {
    if (!isNew()) {
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
   * @return a line to print; empty if no adapter was trained
   */
  public Optional<String> result(Path base, Path run) {
    Path trained = run.resolve(LanguageModel.ADAPTER);
    return isWanted()
        ? Optional.of(
            "Adapter: %s, to sample: p3o generate --policy %s --adapter %s"
                .formatted(trained, Shell.word(base), Shell.word(trained)))
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
