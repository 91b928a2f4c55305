package io.github.p3o.examples.language;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import io.github.p3o.examples.run.Checks;
import io.github.p3o.examples.run.UsageException;
import io.github.p3o.transformer.DecoderConfig;
import io.github.p3o.transformer.FreezeConfig;
import io.github.p3o.transformer.TransformerRewardModel;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of what is not trained. */
public final class FreezeOptions {

  @Option(
      names = "--freeze",
      paramLabel = "NAME",
      split = ",",
      description =
          "Do not train parameters with this part of a name, such as embed_tokens,layers.0.")
  private List<String> names = ImmutableList.of();

  @Option(
      names = "--freeze-layers",
      paramLabel = "N",
      description = "Do not train the embeddings and the first N layers.")
  private @Nullable Integer layers;

  /** Refuses options that mean nothing, or nothing beside an adapter, which freezes all. */
  public void check(boolean adapterWanted) {
    Checks.atLeast("--freeze-layers", 0, layers);
    if (isWanted() && adapterWanted) {
      throw new UsageException(
          "--freeze, --freeze-layers: expected without --lora-rank, which trains an adapter alone");
    }
  }

  /** Whether anything is to be frozen. */
  public boolean isWanted() {
    return layers != null || !names.isEmpty();
  }

  /** The model; or, if anything is frozen, a copy in its place. */
  public LanguageModel applyTo(LanguageModel model) {
    return isWanted() ? model.with(whole -> freeze(whole.config(), whole::withFrozen)) : model;
  }

  /** The same of a reward model. */
  public TransformerRewardModel applyTo(TransformerRewardModel model) {
    if (!isWanted()) {
      return model;
    }
    try (model) {
      return freeze(model.config(), model::withFrozen);
    }
  }

  private <M> M freeze(DecoderConfig sizes, Function<FreezeConfig, M> freeze) {
    ImmutableSet.Builder<String> all = ImmutableSet.<String>builder().addAll(names);
    try {
      if (layers != null) {
        all.addAll(FreezeConfig.firstLayers(sizes.architecture(), layers).names());
      }
      return freeze.apply(new FreezeConfig(all.build()));
    } catch (IllegalArgumentException e) {
      throw new UsageException("--freeze, --freeze-layers: " + e.getMessage());
    }
  }
}
