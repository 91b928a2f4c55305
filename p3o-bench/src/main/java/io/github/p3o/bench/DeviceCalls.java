package io.github.p3o.bench;

import com.google.common.base.Splitter;
import io.github.p3o.Backend;
import java.nio.file.Path;
import java.util.List;
import org.nd4j.linalg.api.buffer.DataType;

/**
 * Counts what a training step, or the log-probabilities of its texts, ask of CUDA's driver: copies
 * to the device and from it, kernels, waits, allocations; {@code DeviceCalls LIBRARY step:M10
 * scores:M10...}. A host round trip for each op would show as as many copies from the device as
 * there are kernels. The library is {@code p3o-bench/gpu/count-calls.c}, which needs CUPTI.
 */
public final class DeviceCalls {

  private static final int WARMUP = 3;
  private static final int RUNS = 4;

  private DeviceCalls() {}

  /** Counts each. */
  public static void main(String[] args) {
    System.out.println(Backend.start());
    System.load(Path.of(args[0]).toAbsolutePath().toString());
    int error = begin();
    if (error != 0) {
      System.out.println("calls cannot be counted: " + (error < 0 ? "no CUPTI" : "error " + error));
      System.exit(1);
    }
    for (String what : List.of(args).subList(1, args.length)) {
      List<String> parts = Splitter.on(':').splitToList(what);
      try (ModelWork work = new ModelWork(ModelSize.valueOf(parts.get(1)), DataType.FLOAT)) {
        Runnable run = parts.get(0).equals("step") ? work::step : work::scores;
        repeat(WARMUP, run);
        print(0);
        repeat(RUNS, run);
        System.out.println("calls of " + what);
        print(RUNS);
      }
    }
    System.exit(0);
  }

  private static void repeat(int times, Runnable run) {
    for (int i = 0; i < times; i++) {
      run.run();
    }
  }

  private static native int begin();

  /** Since the last time, divided by so many runs; nothing for 0. */
  private static native void print(int runs);
}
