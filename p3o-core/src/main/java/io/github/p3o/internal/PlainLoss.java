package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import com.google.common.primitives.Ints;
import io.github.p3o.Evaluation;
import io.github.p3o.LogProbs;
import io.github.p3o.PairStatistics;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.PairwiseLoss;
import io.github.p3o.PolicyLoss;
import io.github.p3o.Rewards;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * An objective on plain numbers, for one size of batch: a {@link PointwiseProgram} where all its
 * ops work lane by lane, else a {@link Program}. A pairwise objective on more than two responses is
 * that on two, with a lane for each pair.
 */
public final class PlainLoss implements ProgramCache.Entry {

  private final ImmutableList<String> now;
  private final Optional<PlainLoss> ofPairs;
  private final Optional<PointwiseProgram> pointwise;
  private final Optional<Program> program;

  /** An objective on k responses to each of {@code groups} prompts. */
  public PlainLoss(PolicyLoss objective, int k, int groups) {
    this.now =
        IntStream.range(0, k)
            .mapToObj(i -> PolicyLossGraph.NOW + i)
            .collect(ImmutableList.toImmutableList());
    if (objective instanceof PairwiseLoss && k > 2) {
      ofPairs = Optional.of(new PlainLoss(objective, 2, k * (k - 1) / 2 * groups));
      pointwise = Optional.empty();
      program = Optional.empty();
      return;
    }
    ofPairs = Optional.empty();
    SameDiff graph = SameDiff.create();
    ImmutableList<String> means = addTo(graph, objective, groups);
    ImmutableList<String> given =
        graph.variables().stream()
            .filter(v -> v.isPlaceHolder() && v.getShape() != null && v.getShape().length == 1)
            .map(SDVariable::name)
            .collect(ImmutableList.toImmutableList());
    pointwise =
        PointwiseProgram.withGradient(
            graph,
            MeanLoss.LOSS,
            readIn(graph),
            given,
            means,
            make -> LaneStatistics.addTo(make, k));
    program = pointwise.isPresent() ? Optional.empty() : Optional.of(program(objective, groups));
  }

  /** The same objective, op by op. */
  public Program program(PolicyLoss objective, int groups) {
    SameDiff graph = SameDiff.create();
    ImmutableList<String> means = addTo(graph, objective, groups);
    return Program.withGradient(graph, MeanLoss.LOSS, readIn(graph), means);
  }

  /**
   * The log-probabilities that the loss reads: an objective may leave out those of a response. All
   * if it reads none, which is refused.
   */
  private ImmutableList<String> readIn(SameDiff graph) {
    Set<String> read =
        Program.orderFor(graph, ImmutableList.of(MeanLoss.LOSS)).stream()
            .flatMap(node -> node.inputs().stream())
            .collect(Collectors.toSet());
    ImmutableList<String> names =
        now.stream().filter(read::contains).collect(ImmutableList.toImmutableList());
    return names.isEmpty() ? now : names;
  }

  private ImmutableList<String> addTo(SameDiff graph, PolicyLoss objective, int groups) {
    ImmutableList<SDVariable> logProbs =
        now.stream()
            .map(name -> graph.placeHolder(name, DataType.DOUBLE, groups))
            .collect(ImmutableList.toImmutableList());
    return MeanLoss.addTo(PolicyLossGraph.build(objective, logProbs, groups));
  }

  /** Whether all ops work lane by lane. */
  public boolean isPointwise() {
    return ofPairs.map(PlainLoss::isPointwise).orElse(pointwise.isPresent());
  }

  /** The mean loss, its gradient and diagnostics, with a factor of β. */
  public Evaluation evaluate(PairwiseBatch batch, LogProbs logProbs, double klScale) {
    if (ofPairs.isPresent()) {
      return evaluate(ofPairs.get(), batch, logProbs, klScale);
    }
    MeanLoss mean = new MeanLoss(batch.groups());
    return pointwise
        .map(p -> evaluate(p, mean, batch, logProbs, klScale))
        .orElseGet(() -> evaluate(program.orElseThrow(), mean, batch, logProbs, klScale));
  }

  private Evaluation evaluate(
      PlainLoss pairs, PairwiseBatch batch, LogProbs logProbs, double klScale) {
    int k = now.size();
    int groups = batch.groups();
    Evaluation evaluation =
        pairs.evaluate(
            PairwiseBatch.ofNumbers(
                LogProbs.ofFlat(2, ofPairs(batch.oldLogProbs().values(), k)),
                LogProbs.ofFlat(2, ofPairs(batch.referenceLogProbs().values(), k)),
                Rewards.ofFlat(2, ofPairs(batch.rewards().values(), k))),
            LogProbs.ofFlat(2, ofPairs(logProbs.values(), k)),
            klScale);
    double[][] gradient = new double[k][groups];
    int[] first = PolicyLossGraph.first(k);
    int[] second = PolicyLossGraph.second(k);
    for (int n = 0; n < first.length * groups; n++) {
      gradient[first[n / groups]][n % groups] += evaluation.gradient()[0][n];
      gradient[second[n / groups]][n % groups] += evaluation.gradient()[1][n];
    }
    return new Evaluation(
        evaluation.loss(),
        gradient,
        PairStatistics.of(batch, logProbs, evaluation.statistics().diagnostics()));
  }

  /** The first values of all pairs, then the second. */
  private static double[] ofPairs(ImmutableDoubleArray values, int k) {
    int[] rows = Ints.concat(PolicyLossGraph.first(k), PolicyLossGraph.second(k));
    double[] both = new double[rows.length * (values.length() / k)];
    PolicyLossGraph.rows(values, k, rows).read(0, both, both.length);
    return both;
  }

  private Evaluation evaluate(
      PointwiseProgram lanes,
      MeanLoss mean,
      PairwiseBatch batch,
      LogProbs logProbs,
      double klScale) {
    PointwiseProgram.Inputs inputs = PolicyLossGraph.inputs(batch, logProbs);
    inputs.numbers().put(KlScale.NAME, () -> klScale);
    mean.feed().forEach((name, value) -> inputs.numbers().put(name, () -> value.getDouble(0)));
    PointwiseProgram.Results results = lanes.run(batch.groups(), inputs);
    mean.addNumbers(results.numbers());
    return new Evaluation(
        mean.loss(),
        gradient(batch.groups(), results.lanes()::get),
        LaneStatistics.of(batch, results.numbers(), mean.diagnostics()));
  }

  /** The same by {@link #program}. */
  public Evaluation evaluate(
      Program ops, MeanLoss mean, PairwiseBatch batch, LogProbs logProbs, double klScale) {
    Map<String, INDArray> feed = PolicyLossGraph.feed(batch, Whole.of(batch, batch.groups()));
    KlScale.feed(feed, klScale);
    for (int i = 0; i < now.size(); i++) {
      feed.put(now.get(i), Nd4j.createFromArray(logProbs.row(i)));
    }
    feed.putAll(mean.feed());
    try {
      Map<String, INDArray> values = ops.run(feed);
      mean.add(values);
      return new Evaluation(
          mean.loss(),
          gradient(
              batch.groups(),
              name -> values.containsKey(name) ? values.get(name).toDoubleVector() : null),
          PairStatistics.of(batch, logProbs, mean.diagnostics()));
    } finally {
      feed.values().forEach(INDArray::close);
    }
  }

  /** 0 of a response that the objective does not read. */
  private double[][] gradient(int groups, Function<String, double @Nullable []> values) {
    double[][] gradient = new double[now.size()][];
    for (int i = 0; i < gradient.length; i++) {
      double[] ofResponse = values.apply(Program.gradientOf(now.get(i)));
      gradient[i] = ofResponse == null ? new double[groups] : ofResponse;
    }
    return gradient;
  }

  /** Frees native memory. */
  @Override
  public void close() {
    program.ifPresent(Program::close);
    ofPairs.ifPresent(PlainLoss::close);
  }
}
