package io.github.p3o.spark;

import com.google.common.base.Stopwatch;
import com.google.common.collect.ImmutableList;
import io.github.p3o.Gradients;
import io.github.p3o.Samples;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.apache.spark.broadcast.Broadcast;
import scala.Tuple2;

/**
 * What every task is given: the run, and the parameters of one version. Its methods run on the
 * executors; they are functions of their arguments, so that a task can be repeated anywhere.
 */
record Sent(Run<?> run, long version, Broadcast<byte[][]> parameters) implements Serializable {

  private <R> R with(Function<Worker, R> work) {
    return WorkerPool.with(
        run,
        worker -> {
          worker.parameters(version, parameters::value);
          return work.apply(worker);
        });
  }

  PairRows rollout(RolloutPart part) {
    return with(worker -> PairRows.of(worker.rollout(part.ids(), part.prompts(), part.seeds())));
  }

  SampleRows sample(RolloutPart part, int responses) {
    return with(
        worker -> {
          Samples samples = worker.sample(part.prompts(), responses, part.seeds());
          return SampleRows.of(samples);
        });
  }

  /** The slices of a part's gradient, by their numbers. */
  List<Tuple2<Integer, Slice>> gradients(GradientPart part, int slices) {
    return with(
        worker -> {
          Stopwatch computing = Stopwatch.createStarted(); // the parameters have arrived
          try (Gradients gradients =
              worker.gradients(part.pairs().batch(), part.whole(), part.klScale())) {
            double seconds = computing.elapsed(TimeUnit.NANOSECONDS) / 1e9;
            PartResult result = PartResult.of(gradients, seconds);
            byte[][] values = VectorBytes.read(gradients.vector(), slices);
            List<Tuple2<Integer, Slice>> all = new ArrayList<>();
            for (int i = 0; i < slices; i++) {
              ImmutableList<PartResult> withFirst =
                  i == 0 ? ImmutableList.of(result) : ImmutableList.of();
              all.add(new Tuple2<>(i, new Slice(part.index(), values[i], withFirst)));
            }
            return all;
          }
        });
  }
}
