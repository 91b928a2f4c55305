package io.github.p3o.spark;

import com.google.common.collect.Streams;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.api.java.function.Function0;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataType;

/** A data set with what a model says of each row. */
final class NewColumn {

  private NewColumn() {}

  static <M, R> Dataset<Row> of(
      Dataset<Row> data,
      String name,
      DataType type,
      Function0<M> model,
      Partitions.Answers<M, Row, R> answers) {
    MapPartitionsFunction<Row, Row> task =
        rows ->
            Partitions.answers(
                model,
                rows,
                (own, some) ->
                    Streams.zip(some.stream(), answers.of(own, some).stream(), NewColumn::extended)
                        .toList());
    return data.mapPartitions(task, Encoders.row(data.schema().add(name, type, false)));
  }

  private static Row extended(Row row, Object value) {
    return RowFactory.create(
        Stream.concat(IntStream.range(0, row.length()).mapToObj(row::get), Stream.of(value))
            .toArray());
  }
}
