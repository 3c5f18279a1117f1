/** A measured figure beside its budget: what every bench prints. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The figure must not be above it. */
  readonly budget: number;
}

export const overBudget = (figure: Figure): boolean => !(figure.value <= figure.budget);

/** One line per figure, in columns, with "over" where it is over budget. */
export function renderFigures(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.name,
    `${trim(figure.value)} ${figure.unit}`,
    `budget ${trim(figure.budget)} ${figure.unit}`,
    overBudget(figure) ? 'over' : 'ok',
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const trim = (value: number): string => String(Math.round(value * 1000) / 1000);
