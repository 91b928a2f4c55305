package io.github.p3o.bench;

import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import io.github.p3o.transformer.DecoderConfig;
import io.github.p3o.transformer.TransformerPolicy;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.BytePointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Loading a checkpoint of 122 million parameters, 489 MB of float32 in one safetensors file, beside
 * reading the bytes of the file into memory. The file is in the system's cache.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class LoadingBenchmark {

  /** 122 million parameters, tied: 489 MB in float32. */
  static final DecoderConfig CONFIG =
      DecoderConfig.llama(
          8192,
          1024,
          2752,
          9,
          16,
          16,
          1024,
          1e-5,
          10_000,
          true,
          OptionalInt.empty(),
          OptionalInt.empty());

  private Path directory = Path.of(".");

  /** Writes the checkpoint. */
  @Setup(Level.Trial)
  public void write() throws IOException {
    directory = Files.createTempDirectory("p3o-loading");
    try (TransformerPolicy policy = TransformerPolicy.random(CONFIG, DataType.FLOAT, 1)) {
      policy.save(directory);
    }
  }

  /** Removes the checkpoint. */
  @TearDown(Level.Trial)
  public void delete() throws IOException {
    MoreFiles.deleteRecursively(directory, RecursiveDeleteOption.ALLOW_INSECURE);
  }

  /** The library. */
  @Benchmark
  public long library() {
    try (TransformerPolicy policy = TransformerPolicy.load(directory)) {
      return policy.parameters().count();
    }
  }

  /** The bytes alone. */
  @Benchmark
  public long read() throws IOException {
    try (FileChannel file = FileChannel.open(directory.resolve("model.safetensors"))) {
      long done = 0;
      try (BytePointer memory = new BytePointer(file.size())) {
        while (done < file.size()) {
          done += file.read(memory.position(done).limit(file.size()).asByteBuffer());
        }
        memory.position(0);
      }
      return done;
    }
  }
}
