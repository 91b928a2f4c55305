package io.github.p3o.spark;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.Stateful;
import io.github.p3o.text.Tokenizer;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.Function0;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.storage.StorageLevel;
import scala.Tuple2;

/**
 * Rows of token ids that stay on the executors, from which some are drawn at random. They are
 * sorted by content, so that which rows are drawn follows from the generator alone, not from files,
 * partitions or cores. The driver holds the count of each partition.
 */
final class IndexedRows implements Stateful, AutoCloseable {

  /** How rows are read: each of their columns becomes an array. */
  @FunctionalInterface
  private interface Reader extends Serializable {
    Iterator<ImmutableList<ImmutableIntArray>> read(Iterator<Row> rows) throws Exception;
  }

  /** Of one partition. */
  private record Counted(long rows, long malformed, long hash) implements Serializable {}

  private final SparkContext spark;
  private final JavaRDD<ImmutableList<ImmutableIntArray>> rows;
  private final long[] counts;
  private final long total;
  private final long hash;

  private IndexedRows(Dataset<Row> data, List<String> columns, Reader reader) {
    Column[] all = columns.stream().map(data::col).toArray(Column[]::new);
    spark = data.sparkSession().sparkContext();
    rows =
        Jobs.run(spark, () -> data.select(all).sort(all).toJavaRDD()) // to sort, some are looked at
            .mapPartitions(reader::read)
            .persist(StorageLevel.MEMORY_AND_DISK());
    List<Counted> counted =
        Jobs.run(
            spark, () -> rows.mapPartitions(each -> List.of(count(each)).iterator()).collect());
    counts = counted.stream().mapToLong(Counted::rows).toArray();
    total = Arrays.stream(counts).sum();
    hash = counted.stream().mapToLong(Counted::hash).sum();
    long malformed = counted.stream().mapToLong(Counted::malformed).sum();
    if (malformed > 0 || total == 0) {
      rows.unpersist();
    }
    checkArgument(
        malformed == 0,
        "%s: expected at least one token in every row, got %s rows of %s without",
        columns,
        malformed,
        total);
    checkArgument(total > 0, "%s: expected at least one row, got none", columns);
  }

  /**
   * Rows whose columns hold arrays of ids; null and empty ones are malformed.
   *
   * @throws IllegalArgumentException for columns that hold something else
   */
  static IndexedRows ofTokens(Dataset<Row> data, List<String> columns) {
    for (String column : columns) {
      TokenRow.check(data.select(data.col(column)).schema().fields()[0]);
    }
    return new IndexedRows(data, columns, tokens());
  }

  /**
   * Rows whose columns hold a prompt and texts that follow it: the prompt after the begin token,
   * and the others before the end token, where the tokenizer has them.
   */
  static IndexedRows ofTexts(
      Dataset<Row> data, List<String> columns, Function0<Tokenizer> tokenizer) {
    return new IndexedRows(data, columns, texts(tokenizer));
  }

  @SuppressWarnings("UnstableApiUsage") // Guava's hashing is long stable in fact
  private static Counted count(Iterator<ImmutableList<ImmutableIntArray>> each) {
    long rows = 0;
    long malformed = 0;
    long hash = 0;
    while (each.hasNext()) {
      ImmutableList<ImmutableIntArray> row = each.next();
      Hasher hasher = Hashing.murmur3_128().newHasher();
      for (ImmutableIntArray tokens : row) {
        hasher.putInt(tokens.length());
        tokens.forEach(hasher::putInt);
      }
      rows++;
      malformed += row.stream().anyMatch(ImmutableIntArray::isEmpty) ? 1 : 0;
      hash += hasher.hash().asLong(); // a sum: in any order and partition
    }
    return new Counted(rows, malformed, hash);
  }

  private static Reader tokens() {
    return rows -> {
      List<ImmutableList<ImmutableIntArray>> read = new ArrayList<>();
      while (rows.hasNext()) {
        Row row = rows.next();
        read.add(
            IntStream.range(0, row.length())
                .mapToObj(column -> TokenRow.ids(row, column))
                .collect(ImmutableList.toImmutableList()));
      }
      return read.iterator();
    };
  }

  private static Reader texts(Function0<Tokenizer> tokenizer) {
    return rows -> {
      List<ImmutableList<ImmutableIntArray>> read = new ArrayList<>();
      try (Tokenizer own = tokenizer.call()) {
        while (rows.hasNext()) {
          read.add(TextRow.encoded(own, rows.next()));
        }
      }
      return read.iterator();
    };
  }

  /** Rows drawn uniformly, with replacement; only partitions that have some of them are read. */
  List<ImmutableList<ImmutableIntArray>> draw(int count, RandomGenerator random) {
    Map<Integer, Map<Integer, Long>> wanted = new TreeMap<>();
    for (int i = 0; i < count; i++) {
      long index = random.nextLong(total);
      int partition = 0;
      while (index >= counts[partition]) {
        index -= counts[partition++];
      }
      wanted.computeIfAbsent(partition, p -> new HashMap<>()).put(i, index);
    }
    int[] partitions = wanted.keySet().stream().mapToInt(p -> p).toArray();
    List<ImmutableList<ImmutableIntArray>> drawn = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      drawn.add(ImmutableList.of());
    }
    for (List<Tuple2<Integer, ImmutableList<ImmutableIntArray>>> found :
        Jobs.run(
            spark,
            () ->
                rows.mapPartitionsWithIndex(
                        (p, each) -> pick(each, wanted.getOrDefault(p, Map.of())), true)
                    .collectPartitions(partitions))) {
      found.forEach(row -> drawn.set(row._1(), row._2()));
    }
    return drawn;
  }

  private static Iterator<Tuple2<Integer, ImmutableList<ImmutableIntArray>>> pick(
      Iterator<ImmutableList<ImmutableIntArray>> rows, Map<Integer, Long> wanted) {
    Map<Long, List<Integer>> placesOfRow = new HashMap<>();
    wanted.forEach(
        (place, row) -> placesOfRow.computeIfAbsent(row, r -> new ArrayList<>()).add(place));
    List<Tuple2<Integer, ImmutableList<ImmutableIntArray>>> picked = new ArrayList<>();
    for (long at = 0; rows.hasNext() && picked.size() < wanted.size(); at++) {
      ImmutableList<ImmutableIntArray> row = rows.next();
      for (int place : placesOfRow.getOrDefault(at, List.of())) {
        picked.add(new Tuple2<>(place, row));
      }
    }
    return picked.iterator();
  }

  long count() {
    return total;
  }

  /** Which rows these are, in any order. */
  @Override
  public String state() {
    return total + " rows " + Long.toHexString(hash);
  }

  @Override
  public void restore(String state) {
    checkArgument(
        state.equals(state()), "rows: expected %s as in the checkpoint, got %s", state, state());
  }

  /** Waits until the executors have dropped the rows, as the application may stop next. */
  @Override
  public void close() {
    Jobs.drop(spark, () -> rows.unpersist(true));
  }
}
