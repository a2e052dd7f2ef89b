/**
 * One walk through a decision tree: which question comes next, which answers were given, and the way back.
 * The rules are those of ml/schema.py: questions stand in asking order, and one is asked of everybody when it has no
 * parents, else after any of its parent answers.
 */

/**
 * @typedef {{key: string, text: string, help: string}} Answer
 * @typedef {{key: string, text: string, help: string, parents: string[], multiple: boolean, answers: Answer[]}} Question
 * @typedef {{title: string, questions: Question[]}} Tree
 * @typedef {{question: Question, chosen: string[]}} Step
 */

export class Walk {
  /** @param {Tree} tree */
  constructor(tree) {
    this.tree = tree;
    /** @type {Step[]} */
    this.steps = [];
  }

  /** The question to ask now, or null when the walk is complete. @returns {Question | null} */
  get question() {
    const chosen = new Set(this.steps.flatMap((step) => step.chosen.map((answer) => `${step.question.key}_${answer}`)));
    const last = this.steps.at(-1);
    const from = last ? this.tree.questions.indexOf(last.question) + 1 : 0;
    const isAsked = (/** @type {Question} */ question) =>
      question.parents.length === 0 || question.parents.some((parent) => chosen.has(parent));
    return this.tree.questions.slice(from).find(isAsked) ?? null;
  }

  /** Answer the present question: one key, or any number for a multiple-choice one. @param {string[]} chosen */
  answer(chosen) {
    const question = this.question;
    if (question) this.steps.push({ question, chosen });
  }

  /** Walk as somebody did before. @param {Record<string, string | string[]>} given what toJSON made */
  again(given) {
    for (let question = this.question; question && question.key in given; question = this.question) {
      this.answer([given[question.key]].flat());
    }
    return this;
  }

  /** Take back the steps from `index` on, and tell what was chosen there. @param {number} index @returns {string[]} */
  backTo(index) {
    const [first] = this.steps.splice(index);
    return first ? first.chosen : [];
  }

  /** What the server is sent. @returns {Record<string, string | string[]>} */
  toJSON() {
    return Object.fromEntries(
      this.steps.map(({ question, chosen }) => [question.key, question.multiple ? chosen : chosen[0]]),
    );
  }
}
