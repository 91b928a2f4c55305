package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.impl.transforms.strict.Exp;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The known faults of ND4J 1.0.0-M1.1 that graphs here are written around, each as it is. A test
 * that fails after an upgrade says that a fault is mended or has changed: look at what {@link Ops}
 * and {@link Lowering} do about it.
 */
class Nd4jFaultsTest {

  private static final double[][] LOGITS = {{0.1, 0.7, -0.3}, {1, 2, 0}};

  /** ∂/∂x of a scalar of a graph with one placeholder x. */
  private static double[] gradient(SDVariable loss, INDArray x) {
    SameDiff graph = loss.getSameDiff();
    graph.setLossVariables(loss);
    graph.createGradFunction("x");
    Map<String, INDArray> gradients = graph.calculateGradients(ImmutableMap.of("x", x), "x");
    return Result.array(gradients, "x").dup('c').data().asDouble();
  }

  private static SDVariable placeHolder(long... shape) {
    return SameDiff.create().placeHolder("x", DataType.DOUBLE, shape);
  }

  @Test
  void sparseSoftmaxCrossEntropy_timesAWeight_forgetsTheWeight() {
    SDVariable x = placeHolder(2, 3);
    SameDiff graph = x.getSameDiff();
    SDVariable labels = graph.constant(Nd4j.createFromArray(0, 2));
    SDVariable each = graph.loss().sparseSoftmaxCrossEntropy(x, labels);
    SDVariable weight = graph.constant(Nd4j.createFromArray(5.0, 7.0));
    double third = 1.0 / 3;

    assertThat(graph.getLossVariables()).contains(each.name()); // marks itself as a loss
    assertThat(gradient(Ops.sum(each.mul(weight)), Nd4j.zeros(DataType.DOUBLE, 2, 3)))
        .containsExactly(
            new double[] {third - 1, third, third, third, third, third - 1}, within(1e-12));
  }

  @Test
  void logSoftmax_ofAMatrix_hasAWrongGradient() {
    INDArray at = Nd4j.createFromArray(LOGITS);
    SDVariable x = placeHolder(2, 3);
    SDVariable weight =
        x.getSameDiff().constant(Nd4j.createFromArray(new double[][] {{1, 2, 3}, {4, 5, 7}}));
    double[] wrong = gradient(Ops.sum(x.getSameDiff().nn().logSoftmax(x, 1).mul(weight)), at);
    SDVariable y = placeHolder(2, 3);
    SDVariable same =
        y.getSameDiff().constant(Nd4j.createFromArray(new double[][] {{1, 2, 3}, {4, 5, 7}}));
    double[] right = gradient(Ops.sum(Ops.subtract(y, Ops.logSumExp(y)).mul(same)), at);

    // −0.718: w − softmax(x) · Σw
    assertThat(right[0]).isCloseTo(-0.717997154378198, within(1e-12));
    assertThat(wrong[0]).isCloseTo(-0.9056017962056155, within(1e-12));
  }

  @Test
  void logSumExp_ofLargeValues_hasNoGradient() {
    SDVariable x = placeHolder(1, 2);

    assertThat(
            gradient(
                Ops.sum(x.getSameDiff().math().logSumExp(x, 1)),
                Nd4j.createFromArray(new double[][] {{800, 800}})))
        .containsExactly(Double.NaN, Double.NaN); // ½, ½ is right
  }

  @Test
  void minAndMax_ofEqualValues_giveBothTheFullGradient() {
    INDArray at = Nd4j.createFromArray(1.0, 2, 3);
    SDVariable x = placeHolder(3);
    SDVariable y = placeHolder(3);

    // min(x, x) and max(x, x) are x
    assertThat(gradient(Ops.sum(x.getSameDiff().math().min(x, x.mul(1))), at))
        .containsExactly(2, 2, 2);
    assertThat(gradient(Ops.sum(y.getSameDiff().math().max(y, y.mul(1))), at))
        .containsExactly(2, 2, 2);
  }

  @Test
  void quotientByAScalar_hasAWrongGradient() {
    SDVariable x = placeHolder();
    SDVariable row = x.getSameDiff().constant(Nd4j.createFromArray(1.0, 2, 3));

    assertThat(gradient(Ops.sum(row.div(x)), Nd4j.scalar(1.0))[0])
        .isNotCloseTo(-6, within(1e-3)); // −Σ row / x²
  }

  @Test
  void loss_timesANumber_forgetsTheNumber() {
    SDVariable x = placeHolder(2);
    SDVariable labels = x.getSameDiff().constant(Nd4j.createFromArray(0.0, 0));
    SDVariable loss = x.getSameDiff().loss().meanSquaredError(labels, x, null);

    assertThat(gradient(loss.mul(5), Nd4j.createFromArray(1.0, 2)))
        .containsExactly(new double[] {1, 2}, within(1e-12)); // five times that is right
  }

  /** An op with another gradient than the one it is made from. */
  static final class SevenfoldExp extends Exp {
    SevenfoldExp(SDVariable x) {
      super(x.getSameDiff(), x);
    }

    @Override
    public List<SDVariable> doDiff(List<SDVariable> incoming) {
      return List.of(incoming.get(0).mul(7));
    }
  }

  @Test
  void subclassOfAnOp_inAGradientGraph_keepsItsOwnGradient() { // not so in M2.1
    SDVariable x = placeHolder(1);

    assertThat(gradient(Ops.sum(new SevenfoldExp(x).outputVariable()), Nd4j.createFromArray(0.0)))
        .containsExactly(7);
  }

  @Test
  void constant_usedByTwoOps_cannotBeDifferentiated() {
    SDVariable x = placeHolder(3);
    SDVariable mask = x.getSameDiff().constant("mask", Nd4j.createFromArray(1.0, 2, 3));
    SDVariable loss = Ops.sum(x.mul(mask).add(x.mul(x).mul(mask)));

    assertThatThrownBy(() -> gradient(loss, Nd4j.ones(DataType.DOUBLE, 3)))
        .hasMessageContaining("mask-grad");
  }

  @Test
  void gelu_isTheSigmoidForm() {
    SDVariable x = placeHolder(1);
    SDVariable gelu = x.getSameDiff().nn().gelu(x);
    try (Program program =
        Program.forward(x.getSameDiff(), ImmutableList.of(), ImmutableList.of(gelu.name()))) {
      double value =
          Result.scalar(program.run(ImmutableMap.of("x", Nd4j.createFromArray(1.0))), gelu.name());

      assertThat(value).isCloseTo(1 / (1 + Math.exp(-1.702)), within(1e-8)); // erf form: 0.8413
    }
  }

  @Test
  void gather_ofRank2Ids_hasAWrongGradientOrNone() {
    SDVariable x = placeHolder(3, 2);
    SameDiff graph = x.getSameDiff();
    SDVariable ids = graph.constant(Nd4j.createFromArray(new int[][] {{0, 0}, {2, 1}}));
    SDVariable loss = Ops.sum(graph.gather(x, ids, 0));
    try {
      assertThat(gradient(loss, Nd4j.ones(DataType.DOUBLE, 3, 2)))
          .isNotEqualTo(new double[] {2, 2, 1, 1, 1, 1});
    } catch (RuntimeException e) {
      assertThat(e).hasMessageContaining("scatter_add");
    }
  }

  @Test
  void log1p_ofATinyNumber_isZero() {
    SDVariable x = placeHolder(1);
    SDVariable log1p = x.getSameDiff().math().log1p(x);
    try (Program program =
        Program.forward(x.getSameDiff(), ImmutableList.of(), ImmutableList.of(log1p.name()))) {
      double value =
          Result.scalar(
              program.run(ImmutableMap.of("x", Nd4j.createFromArray(1e-17))), log1p.name());

      assertThat(value).isZero(); // 1e-17 is right
    }
  }

  @Test
  void sum_ofAColumnMatrixOverItsSizeOneAxis_failsInTheSession() {
    SDVariable x = placeHolder(3, 1);
    SDVariable loss = Ops.sum(x.mul(1).sum(true, 1));

    assertThatThrownBy(() -> gradient(loss, Nd4j.ones(DataType.DOUBLE, 3, 1)))
        .isInstanceOf(NullPointerException.class);
  }

  @Test
  void scatterAdd_ofRepeatedIds_differsFromRunToRun() {
    boolean alone = "1".equals(System.getenv("OMP_NUM_THREADS"));
    assumeTrue(
        Runtime.getRuntime().availableProcessors() > 1 && !alone, "needs two OpenMP threads");
    int[] repeated = new int[1024];
    Arrays.setAll(repeated, i -> i % 64);
    INDArray ids = Nd4j.createFromArray(repeated);
    INDArray target = Nd4j.zeros(DataType.FLOAT, 2048, 128);
    INDArray updates = OpCheck.random(1, 1024, 128).castTo(DataType.FLOAT);
    Set<Integer> results = new HashSet<>();
    for (int run = 0; run < 1000 && results.size() < 2; run++) {
      INDArray sum = Nd4j.create(DataType.FLOAT, 2048, 128);
      Nd4j.exec(
          DynamicCustomOp.builder("scatter_add")
              .addInputs(target, ids, updates)
              .addOutputs(sum)
              .build());
      results.add(Arrays.hashCode(sum.data().asFloat()));
    }

    assertThat(results).hasSize(2);
  }
}
