/** A verdict for a reader: grouped by class, with names, bits, both values and why. Pure rendering, as lines of text. */
import type { Finding, FindingClass, Verdict } from '../model/finding.ts';
import type { LikelyCause } from './causes.ts';
import { whyItMatters } from './explain-why.ts';
import { placeText } from './findings.ts';

const CLASSES: readonly (readonly [FindingClass, string])[] = [
  ['mitigation', 'Mitigations: what guests believe about hardware defects'],
  ['isa', 'Instructions and registers'],
  ['virtualization', 'Virtualization'],
  ['paravirt', 'Paravirtual features of KVM'],
  ['topology', 'Topology and power'],
  ['identity', 'Identity'],
];

const WIDTH = 100;

/** The verdict on `profile` and `snapshot` (their names) as lines; no line ends with a newline. `causes` knows more of a finding. */
export function explain(
  profile: string,
  snapshot: string,
  { compatible, findings }: Verdict,
  causes: (finding: Finding) => readonly LikelyCause[] = () => [],
): string[] {
  return [
    `${profile} on ${snapshot}: ${compatible}`,
    ...summary(compatible, findings),
    ...CLASSES.flatMap(([class_, title]) =>
      section(
        title,
        findings.filter((finding) => finding.class === class_),
        causes,
      ),
    ),
  ];
}

function summary(compatible: Verdict['compatible'], findings: readonly Finding[]): string[] {
  const count = (severity: Finding['severity'], noun: string): string[] => {
    const { length } = findings.filter((finding) => finding.severity === severity);
    return length === 0 ? [] : [`${length} ${noun}${length === 1 ? '' : 's'}`];
  };
  const parts = [...count('error', 'error'), ...count('warning', 'open question'), ...count('note', 'note')];
  switch (compatible) {
    case 'Yes':
      return [
        parts.length === 0
          ? 'Everything the profile fixes is offered by this host.'
          : `This host honours the profile; ${parts.join(', ')}.`,
      ];
    case 'No':
      return [`This host cannot honour the profile: ${parts.join(', ')}.`];
    case 'Unknown':
      return [`Nothing speaks against this host, and not everything is known: ${parts.join(', ')}.`];
  }
}

const MARKS = { error: '✗', warning: '?', note: '·' } as const;

function section(
  title: string,
  findings: readonly Finding[],
  causes: (finding: Finding) => readonly LikelyCause[],
): string[] {
  return findings.length === 0
    ? []
    : ['', title, ...findings.flatMap((finding) => entry(finding, causes(finding)))];
}

function entry(finding: Finding, causes: readonly LikelyCause[]): string[] {
  const { severity, name, where, bits, code } = finding;
  const place = placeText(where, bits);
  const values = bits.length === 0 ? [] : [`      profile ${finding.profile}, host ${finding.host}`];
  return [
    `  ${MARKS[severity]} ${name}: ${code} (${place})`,
    ...values,
    ...wrap(severity === 'error' ? `${finding.message} ${whyItMatters(finding)}` : finding.message, '      '),
    ...causes.flatMap(causeLines),
  ];
}

function causeLines({ certainty, text, evidence, remedy, source }: LikelyCause): string[] {
  const shown = evidence.length === 0 ? '' : ` (${evidence.join('; ')})`;
  return [
    ...wrap(`${certainty === 'likely' ? 'Likely' : 'Possible'} cause${shown}: ${text}`, '      '),
    ...wrap(`Remedy: ${remedy}. Source: ${source}.`, '      '),
  ];
}

/** Breaks `text` at spaces into lines of at most WIDTH characters. */
export function wrap(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > WIDTH) {
      lines.push(indent + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, indent + line];
}
