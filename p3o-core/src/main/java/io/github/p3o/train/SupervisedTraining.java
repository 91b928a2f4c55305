package io.github.p3o.train;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.base.Suppliers;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Lists;
import io.github.p3o.BatchShape;
import io.github.p3o.Checkpoint;
import io.github.p3o.GraphModel;
import io.github.p3o.LossTerms;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.Resumable;
import io.github.p3o.internal.AdamW;
import io.github.p3o.internal.Fingerprint;
import io.github.p3o.internal.GradientSum;
import io.github.p3o.internal.MeanLoss;
import io.github.p3o.internal.ModelRunner;
import io.github.p3o.internal.OneTrainer;
import io.github.p3o.internal.Program;
import io.github.p3o.internal.Settings;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What the supervised trainers have in common: the mean of a loss over examples, some at once, and
 * updates by its gradient.
 *
 * @param <E> an example
 */
abstract class SupervisedTraining<E> implements Resumable, AutoCloseable {

  /** The loss, and how examples become the rows of its graph. */
  interface Task<E> {

    /** What the examples are called in messages. */
    String name();

    /** The objective, with its settings. */
    String loss();

    /** Adds the losses of a batch to a new graph of the model. */
    LossTerms build(BatchShape shape);

    List<Prompt> prompts(List<E> examples);

    List<Response> responses(List<E> examples);

    /** How many losses the mean is over. */
    long losses(List<E> examples);
  }

  private final GraphModel model;
  private final Task<E> task;
  private final int examplesAtOnce;
  private final AdamW optimizer;
  private final ModelRunner gradient;
  private final ModelRunner forward;
  private final Supplier<ImmutableMap<String, String>> settings;

  /** Fresh optimiser state, no programs yet. */
  SupervisedTraining(
      GraphModel model, Task<E> task, OptimizerConfig optimizer, int examplesAtOnce) {
    checkArgument(
        examplesAtOnce >= 1, "%sAtOnce: expected at least 1, got %s", task.name(), examplesAtOnce);
    this.model = model;
    this.task = task;
    this.examplesAtOnce = examplesAtOnce;
    this.optimizer = new AdamW(model.parameters(), optimizer);
    this.gradient = new ModelRunner("trainer", model, this::gradientProgram);
    this.forward = new ModelRunner("trainer", model, this::forwardProgram);
    // At the first checkpoint: it reads every frozen value.
    this.settings = Suppliers.memoize(() -> settings(optimizer));
  }

  private ImmutableMap<String, String> settings(OptimizerConfig optimizer) {
    ImmutableMap.Builder<String, String> all =
        ImmutableMap.<String, String>builder()
            .put("objective", task.loss())
            .put(task.name() + "AtOnce", String.valueOf(examplesAtOnce))
            .putAll(Settings.of("optimizer.", optimizer));
    if (!model.frozenParameters().isEmpty()) {
      all.put("frozenParameters", Fingerprint.ofFrozen(model));
    }
    return all.buildOrThrow();
  }

  private Program gradientProgram(BatchShape shape) {
    LossTerms terms = task.build(shape);
    ImmutableList<String> means = MeanLoss.addTo(terms);
    return Program.withGradient(
        terms.losses().getSameDiff(), MeanLoss.LOSS, model.parameters().names(), means);
  }

  private Program forwardProgram(BatchShape shape) {
    LossTerms terms = task.build(shape);
    ImmutableList<String> means = MeanLoss.addTo(terms);
    return Program.forward(terms.losses().getSameDiff(), model.parameters().names(), means);
  }

  /** One update; the means are from before it. */
  final MeanLoss update(List<E> examples) {
    return OneTrainer.run(model.parameters(), this, () -> updated(examples));
  }

  private MeanLoss updated(List<E> examples) {
    try (GradientSum sum = new GradientSum(model.parameters())) {
      MeanLoss mean = run(gradient, examples, sum::add);
      optimizer.update(sum.vector());
      return mean;
    }
  }

  /** The means without an update. */
  final MeanLoss measure(List<E> examples) {
    return run(forward, examples, values -> {});
  }

  private MeanLoss run(
      ModelRunner runner, List<E> examples, Consumer<Map<String, INDArray>> gradients) {
    checkArgument(!examples.isEmpty(), "%s: expected at least one, got none", task.name());
    MeanLoss mean = new MeanLoss(task.losses(examples));
    for (List<E> part : Lists.partition(examples, examplesAtOnce)) {
      Map<String, INDArray> values =
          runner.run(task.prompts(part), task.responses(part), mean.feed());
      mean.add(values);
      gradients.accept(values);
    }
    mean.checkFinite();
    return mean;
  }

  @Override
  public final long stepsDone() {
    return optimizer.updates();
  }

  /** {@inheritDoc} Which examples come next is the caller's to know: by {@link #stepsDone}, say. */
  @Override
  public final Checkpoint checkpoint() {
    return new Checkpoint(
        optimizer.updates(), settings.get(), ImmutableMap.of(), optimizer.tensors());
  }

  @Override
  public final void restore(Checkpoint checkpoint) {
    Settings.checkSame(checkpoint.settings(), settings.get());
    optimizer.restore(checkpoint.tensors(), checkpoint.step());
  }

  /** Frees native memory; the model stays the caller's. */
  @Override
  public final void close() {
    gradient.close();
    forward.close();
    optimizer.close();
  }
}
