import { describe, expect, it, test } from 'vitest';
import { parseXml, type XmlElement } from './xml.ts';

const parse = (text: string): XmlElement => parseXml('file', text);

describe('XML', () => {
  it('is read as elements, attributes and text, with lines', () => {
    const root = parse(`<?xml version='1.0' encoding="UTF-8"?>
<!-- <b/> -->
<a one='1' two="&lt;&quot;2&quot;&apos;&amp;&gt;">
  text &amp; more
  <b:c/><!-- no --><d
  >inside</d>
</a >
`);
    expect(root.name).toBe('a');
    expect([...root.attributes]).toEqual([
      ['one', '1'],
      ['two', `<"2"'&>`],
    ]);
    expect(root.text).toBe('text & more');
    expect(root.children.map(({ name, text, line }) => [name, text, line])).toEqual([
      ['b:c', '', 5],
      ['d', 'inside', 5],
    ]);
    expect(root.line).toBe(3);
  });

  it('keeps hostile names as plain keys', () => {
    const { attributes } = parse('<a __proto__="1" constructor="2"/>');
    expect([...attributes.keys()]).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>)['1']).toBeUndefined();
  });

  test.each([
    ['nothing', '', 'file line 1: holds no element'],
    ['text', 'text', 'file line 1: does not begin with an element'],
    [
      'a DTD',
      '<!DOCTYPE a [<!ENTITY b "c">]><a/>',
      'file line 1: uses a DTD, CDATA or a processing instruction',
    ],
    ['an entity', '<a>\n&bomb;</a>', 'file line 1: has the entity "&bomb;"'],
    ['a character reference', '<a b="&#x41;"/>', 'has the entity "&#x41;"'],
    ['a bare ampersand', '<a b="&"/>', 'has the entity "&"'],
    ['CDATA', '<a><![CDATA[x]]></a>', 'uses a DTD, CDATA'],
    ['a processing instruction', '<a><?php ?></a>', 'processing instruction'],
    ['an open element', '<a>\n<b>', 'file line 2: ends inside <b>'],
    ['another end', '<a>\n</b>', 'file line 2: has "</b" where </a> belongs'],
    ['two roots', '<a/>\n<b/>', 'file line 2: has more after the end'],
    ['an attribute twice', '<a b="1" b="2"/>', '<a> has b twice'],
    ['an attribute without quotes', '<a b=1/>', 'has a broken start tag <a>'],
    ['attributes without a space', '<a b="1"c="2"/>', 'has a broken start tag <a>'],
    ['"<" in a value', '<a b="<"/>', 'has a broken start tag <a>'],
    ['an open comment', '<a><!-- ', 'has a comment without an end'],
    ['depth', '<a>'.repeat(33), 'is nested deeper than 32'],
    ['number', `<a>${'<b/>'.repeat(20_001)}</a>`, 'has more than 20000 elements'],
  ])('is refused with the line: %s', (_, text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});
