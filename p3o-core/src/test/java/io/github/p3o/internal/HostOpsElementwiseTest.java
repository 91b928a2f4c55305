package io.github.p3o.internal;

import static io.github.p3o.internal.HostOps.inputs;
import static io.github.p3o.internal.HostOps.op;
import static io.github.p3o.internal.HostOps.positive;
import static io.github.p3o.internal.HostOps.real;
import static io.github.p3o.internal.HostOps.small;

import io.github.p3o.internal.HostOps.Input;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ops.impl.transforms.IdentityN;
import org.nd4j.linalg.api.ops.impl.transforms.custom.ThresholdRelu;

/** Gradients of a host's ops that work element by element, and of softmaxes. */
class HostOpsElementwiseTest {

  @TempDir Path directory;

  static Stream<Arguments> ops() {
    return Stream.of(named(), withNumbers(), softmaxes()).flatMap(s -> s);
  }

  private static Stream<Arguments> named() {
    return Stream.of(
        op("abs", real(2, 5), (g, x) -> g.math().abs(x[0])),
        op("square", real(2, 5), (g, x) -> g.math().square(x[0])),
        op("cube", real(2, 5), (g, x) -> g.math().cube(x[0])),
        op("sqrt", positive(2, 5), (g, x) -> g.math().sqrt(x[0])),
        op("rsqrt", positive(2, 5), (g, x) -> g.math().rsqrt(x[0])),
        op("exp", real(2, 5), (g, x) -> g.math().exp(x[0])),
        op("expm1", real(2, 5), (g, x) -> g.math().expm1(x[0])),
        op("log", positive(2, 5), (g, x) -> g.math().log(x[0])),
        op("log1p", positive(2, 5), (g, x) -> g.math().log1p(x[0])),
        op("sin", real(2, 5), (g, x) -> g.math().sin(x[0])),
        op("cos", real(2, 5), (g, x) -> g.math().cos(x[0])),
        op("tan", small(2, 5), (g, x) -> g.math().tan(x[0])),
        op("asin", small(2, 5), (g, x) -> g.math().asin(x[0])),
        op("acos", small(2, 5), (g, x) -> g.math().acos(x[0])),
        op("atan", real(2, 5), (g, x) -> g.math().atan(x[0])),
        op("sinh", real(2, 5), (g, x) -> g.math().sinh(x[0])),
        op("cosh", real(2, 5), (g, x) -> g.math().cosh(x[0])),
        op("tanh", real(2, 5), (g, x) -> g.math().tanh(x[0])),
        op("asinh", real(2, 5), (g, x) -> g.math().asinh(x[0])),
        op("atanh", small(2, 5), (g, x) -> g.math().atanh(x[0])),
        op("erf", real(2, 5), (g, x) -> g.math().erf(x[0])),
        op("erfc", real(2, 5), (g, x) -> g.math().erfc(x[0])),
        op("sign", real(2, 5), (g, x) -> g.math().sign(x[0])),
        op("floor", real(2, 5), (g, x) -> g.math().floor(x[0])),
        op("ceil", real(2, 5), (g, x) -> g.math().ceil(x[0])),
        op("neg", real(2, 5), (g, x) -> g.math().neg(x[0])),
        op("reciprocal", positive(2, 5), (g, x) -> g.math().reciprocal(x[0])),
        op("rationalTanh", real(2, 5), (g, x) -> g.math().rationalTanh(x[0])),
        op("rectifiedTanh", real(2, 5), (g, x) -> g.math().rectifiedTanh(x[0])),
        op("elu", real(2, 5), (g, x) -> g.nn().elu(x[0])),
        op("selu", real(2, 5), (g, x) -> g.nn().selu(x[0])),
        op("gelu", real(2, 5), (g, x) -> g.nn().gelu(x[0])),
        op("preciseGelu", real(2, 5), (g, x) -> g.nn().preciseGelu(x[0])),
        op("swish", real(2, 5), (g, x) -> g.nn().swish(x[0])),
        op("softplus", real(2, 5), (g, x) -> g.nn().softplus(x[0])),
        op("softsign", real(2, 5), (g, x) -> g.nn().softsign(x[0])),
        op("hardTanh", real(2, 5), (g, x) -> g.nn().hardTanh(x[0])),
        op("hardSigmoid", real(2, 5), (g, x) -> g.nn().hardSigmoid(x[0])),
        op("sigmoid", real(2, 5), (g, x) -> g.nn().sigmoid(x[0])),
        op("logSigmoid", real(2, 5), (g, x) -> g.nn().logSigmoid(x[0])),
        op("cReLU", real(2, 5), (g, x) -> g.nn().cReLU(x[0])));
  }

  private static Stream<Arguments> withNumbers() {
    return Stream.of(
        op("acosh", new Input(1.2, 3, 2, 5), (g, x) -> g.math().acosh(x[0])),
        op("round", new Input(-0.4, 0.3, 2, 5), (g, x) -> g.math().round(x[0])),
        op("pow, 3", real(2, 5), (g, x) -> g.math().pow(x[0], 3)),
        op("pow, -0.5", positive(2, 5), (g, x) -> g.math().pow(x[0], -0.5)),
        op("log, base 2", positive(2, 5), (g, x) -> g.math().log(x[0], 2)),
        op("add", real(2, 5), (g, x) -> x[0].add(1.5)),
        op("sub", real(2, 5), (g, x) -> x[0].sub(1.5)),
        op("rsub", real(2, 5), (g, x) -> x[0].rsub(1.5)),
        op("mul", real(2, 5), (g, x) -> x[0].mul(1.5)),
        op("div", real(2, 5), (g, x) -> x[0].div(1.5)),
        op("rdiv", positive(2, 5), (g, x) -> x[0].rdiv(1.5)),
        op("floorMod", new Input(0.8, 1.3, 2, 4), (g, x) -> g.math().floorMod(x[0], 0.7)),
        op("scalarMax", real(2, 5), (g, x) -> g.scalarMax(x[0], 0.3)),
        op("scalarMin", real(2, 5), (g, x) -> g.scalarMin(x[0], 0.3)),
        op("scalarSet", real(2, 5), (g, x) -> g.scalarSet(x[0], 0.3)),
        op("step", real(2, 5), (g, x) -> g.math().step(x[0], 0.3)),
        op("clipByValue", real(2, 5), (g, x) -> g.math().clipByValue(x[0], -0.7, 0.9)),
        op("clipByNorm", real(3, 3), (g, x) -> g.math().clipByNorm(x[0], 1.3)),
        op("clipByNorm, 0", real(3, 3), (g, x) -> g.math().clipByNorm(x[0], 2.2, 0)),
        op("clipByNorm, 1", real(2, 4), (g, x) -> g.math().clipByNorm(x[0], 1.3, 1)),
        op("clipByNorm, -2", real(2, 4), (g, x) -> g.math().clipByNorm(x[0], 1.3, -2)),
        op("relu", real(2, 5), (g, x) -> g.nn().relu(x[0], 0)),
        op("relu, cutoff", real(2, 5), (g, x) -> g.nn().relu(x[0], 0.5)),
        op("relu6", new Input(-4, 9, 3, 4), (g, x) -> g.nn().relu6(x[0], 0)),
        op("leakyRelu", real(2, 5), (g, x) -> g.nn().leakyRelu(x[0], 0.2)),
        op("identity", real(2, 5), (g, x) -> g.identity(x[0])),
        op("mask", real(2, 5), (g, x) -> x[0].gt(0.2).castTo(x[0].dataType()).mul(x[0])),
        op("onesLike", real(2, 5), (g, x) -> g.onesLike(x[0]).mul(x[0])),
        op("thresholdRelu", real(2, 5), HostOpsElementwiseTest::thresholdRelu),
        op("identityN", real(2, 5), (g, x) -> new IdentityN(g, x).outputVariables()[0]),
        op("prelu", inputs(real(2, 3, 3), real(3, 1)), (g, x) -> g.nn().prelu(x[0], x[1], 2)));
  }

  private static SDVariable thresholdRelu(SameDiff graph, SDVariable[] x) {
    return new ThresholdRelu(graph, x[0], false, 0.4).outputVariable();
  }

  private static Stream<Arguments> softmaxes() {
    return IntStream.range(-3, 3)
        .boxed()
        .flatMap(
            axis ->
                Stream.of(
                    op("softmax, " + axis, real(3, 3, 3), (g, x) -> g.nn().softmax(x[0], axis)),
                    op(
                        "logSoftmax, " + axis,
                        real(3, 3, 3),
                        (g, x) -> g.nn().logSoftmax(x[0], axis))));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("ops")
  void gradient_ofAnOp_isThatOfDifferences(String name, HostOps op) throws IOException {
    op.assertGradients(directory);
  }
}
