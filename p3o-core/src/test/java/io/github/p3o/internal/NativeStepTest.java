package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Proxy;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.OpContext;
import org.nd4j.linalg.factory.Nd4j;

class NativeStepTest {

  @Test
  void setInput_everAgain_purgesTheNativeHandles() {
    AtomicInteger handles = new AtomicInteger();
    OpContext real = Nd4j.getExecutioner().buildContext();
    OpContext counting =
        (OpContext)
            Proxy.newProxyInstance(
                OpContext.class.getClassLoader(),
                new Class<?>[] {OpContext.class},
                (proxy, method, arguments) -> {
                  switch (method.getName()) {
                    case "setInputArray" -> handles.incrementAndGet();
                    case "purge" -> handles.set(0);
                    default -> {}
                  }
                  return method.invoke(real, arguments);
                });
    INDArray other = Nd4j.createFromArray(7.0);
    INDArray output = Nd4j.createFromArray(0.0);
    counting.setInputArray(0, other);
    counting.setInputArray(1, other);
    counting.setOutputArray(0, output);
    Step step = new NativeStep(DynamicCustomOp.builder("add").build(), counting);
    INDArray last = other;
    for (int i = 0; i < 1000; i++) {
      last = Nd4j.createFromArray((double) i);
      step.setInput(1, last);

      assertThat(handles.get()).isLessThan(200);
    }

    assertThat(real.getInputArrays()).containsExactly(other, last);
    assertThat(real.getOutputArrays()).containsExactly(output);
  }
}
