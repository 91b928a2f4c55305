package io.github.p3o.spark;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableSet;
import com.google.common.primitives.ImmutableIntArray;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.jspecify.annotations.Nullable;

/** Columns of token ids. */
final class TokenRow {

  private static final ImmutableSet<DataType> WHOLE =
      ImmutableSet.of(
          DataTypes.ByteType, DataTypes.ShortType, DataTypes.IntegerType, DataTypes.LongType);

  /** Of a row that an error shows. */
  private static final int SHOWN = 10;

  private TokenRow() {}

  /**
   * Refuses a column that does not hold arrays of whole numbers.
   *
   * @throws IllegalArgumentException names the column and its type
   */
  static void check(StructField column) {
    checkArgument(
        column.dataType() instanceof ArrayType array && WHOLE.contains(array.elementType()),
        "%s: expected arrays of tinyint, smallint, int or bigint, got %s",
        column.name(),
        column.dataType().catalogString());
  }

  /**
   * The ids in a column; none if it is null.
   *
   * @throws IllegalArgumentException names an id that is no int, and its row
   */
  static ImmutableIntArray ids(Row row, int column) {
    ImmutableIntArray.Builder ids = ImmutableIntArray.builder();
    if (!row.isNullAt(column)) {
      List<@Nullable Number> all = row.getList(column);
      for (Number id : all) {
        if (id == null || id.longValue() != id.intValue()) {
          throw new IllegalArgumentException(
              String.format(
                  Locale.ROOT,
                  "%s: expected ids that are ints, got %s in the row that begins with %s",
                  row.schema().fields()[column].name(),
                  id,
                  all.subList(0, Math.min(SHOWN, all.size()))));
        }
        ids.add(id.intValue());
      }
    }
    return ids.build();
  }
}
