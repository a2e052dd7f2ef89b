/**
 * Which drawing shows which answer, by question_answer as a catalogue has it: those of Galaxy Zoo 2 and of Galaxy Zoo
 * DECaLS, with either's spelling. The drawings are symbols of icons/answers.svg; a question of which one answer has no
 * drawing gets none.
 */

/** @type {Record<string, string>} */
const ICONS = {
  'smooth-or-featured_smooth': 'smooth',
  'smooth-or-featured_featured-or-disk': 'featured',
  'smooth-or-featured_artifact': 'artifact',
  'disk-edge-on_yes': 'edge-on',
  'disk-edge-on_no': 'not-edge-on',
  'bulge-shape_round': 'edge-round',
  'bulge-shape_boxy': 'edge-boxy',
  'bulge-shape_no-bulge': 'edge-none',
  'edge-on-bulge_rounded': 'edge-round',
  'edge-on-bulge_boxy': 'edge-boxy',
  'edge-on-bulge_none': 'edge-none',
  bar_yes: 'bar',
  bar_strong: 'bar',
  bar_weak: 'bar-weak',
  bar_no: 'bar-none',
  'has-spiral-arms_yes': 'spiral',
  'has-spiral-arms_no': 'spiral-none',
  'spiral-winding_tight': 'tight',
  'spiral-winding_medium': 'medium',
  'spiral-winding_loose': 'loose',
  'spiral-arm-count_1': 'arms-1',
  'spiral-arm-count_2': 'arms-2',
  'spiral-arm-count_3': 'arms-3',
  'spiral-arm-count_4': 'arms-4',
  'spiral-arm-count_more-than-4': 'arms-more',
  'spiral-arm-count_cant-tell': 'cant-tell',
  'bulge-size_no': 'bulge-0',
  'bulge-size_none': 'bulge-0',
  'bulge-size_just-noticeable': 'bulge-1',
  'bulge-size_small': 'bulge-1',
  'bulge-size_moderate': 'bulge-2',
  'bulge-size_obvious': 'bulge-3',
  'bulge-size_large': 'bulge-3',
  'bulge-size_dominant': 'bulge-4',
  'how-rounded_round': 'round',
  'how-rounded_in-between': 'in-between',
  'how-rounded_cigar': 'cigar',
  'how-rounded_cigar-shaped': 'cigar',
  'something-odd_yes': 'odd',
  'something-odd_no': 'not-odd',
  'odd-feature_ring': 'ring',
  'odd-feature_lens-or-arc': 'lens',
  'odd-feature_disturbed': 'disturbed',
  'odd-feature_irregular': 'irregular',
  'odd-feature_other': 'other',
  'odd-feature_merger': 'merger',
  'odd-feature_dust-lane': 'dust-lane',
  merging_none: 'undisturbed',
  'merging_minor-disturbance': 'disturbed-little',
  'merging_major-disturbance': 'disturbed',
  merging_merger: 'merger',
};

/** @param {{key: string}} question @param {{key: string}} answer @returns {string | undefined} */
export const iconOf = (question, answer) => ICONS[`${question.key.replace('odd-features', 'odd-feature')}_${answer.key}`];
