package io.github.p3o.loss;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.PolicyLoss;
import io.github.p3o.internal.Program;
import io.github.p3o.internal.Result;
import io.github.p3o.loss.Cases.Case;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.internal.SameDiffOp;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * An objective's mean loss as a function of log π_θ alone, with every detached term of its graph
 * held at its value at one point: what its gradient there is the derivative of.
 */
final class FrozenLoss implements AutoCloseable {

  private final Map<String, INDArray> feed;
  private final Program program;

  FrozenLoss(PolicyLoss objective, Case at) {
    feed = Cases.feed(at, at);
    SameDiff live = Cases.graph(objective, at);
    ImmutableList<String> detached =
        live.getOps().values().stream()
            .filter(op -> op.getOp().opName().equals("stop_gradient"))
            .map(op -> op.getOutputsOfOp().get(0))
            .collect(ImmutableList.toImmutableList());
    Map<String, INDArray> frozen = new LinkedHashMap<>();
    try (Program values = Program.forward(live, ImmutableList.of(), detached)) {
      Map<String, INDArray> results = values.run(feed);
      detached.forEach(name -> frozen.put(name, Result.array(results, name).dup()));
    }
    SameDiff held = Cases.graph(objective, at);
    frozen.forEach(
        (name, value) -> {
          held.placeHolder(frozen(name), DataType.DOUBLE, value.shape());
          feed.put(frozen(name), value);
        });
    for (SameDiffOp op : held.getOps().values()) {
      List<String> inputs = new ArrayList<>(op.getInputsToOp());
      inputs.replaceAll(name -> frozen.containsKey(name) ? frozen(name) : name);
      op.setInputsToOp(inputs);
    }
    program = Program.forward(held, ImmutableList.of(), ImmutableList.of(Cases.LOSS));
  }

  private static String frozen(String name) {
    return "frozen/" + name;
  }

  /** The loss at other log-probabilities, row-major {@code [k, groups]}. */
  double at(double[] now) {
    feed.put(Cases.NOW, Nd4j.createFromArray(now));
    return Result.scalar(program.run(ImmutableMap.copyOf(feed)), Cases.LOSS);
  }

  @Override
  public void close() {
    program.close();
  }
}
