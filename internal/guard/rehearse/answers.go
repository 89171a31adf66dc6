package rehearse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// Guesser is an Engine that is asked about answers to codes too.
type Guesser interface {
	Guess(ctx context.Context, s guard.State, pool string, trusted, stepped bool, now time.Time) (guard.Decision, error)
	Right(ctx context.Context, s guard.State, pool string, now time.Time) error
}

// answers are those that a text's code is given.
type answers struct {
	wrong  int // so many wrong ones; real people's right one comes after them
	attack bool
	passes bool // a step-up
}

// firstGuess is how long after a text somebody begins to guess its code.
const firstGuess = 10 * time.Second

// AnswerScore is what became of answers.
type AnswerScore struct {
	Guesses      int // an attacker's
	Compared     int // of them
	BeforeAlarm  int // that were compared before the first was asked for a step-up, or refused
	Right        int // real people's
	RightRefused int // of them
	alarmed      bool
}

// PlayAnswers has the answers of events played from here on, and counts them.
func (p *Player) PlayAnswers() (*AnswerScore, error) {
	if _, ok := p.engine.(Guesser); !ok {
		return nil, errors.New("rehearse: the engine is not asked about answers")
	}
	p.answers = &AnswerScore{}
	return p.answers, nil
}

// answered plays the next answer to a code, and says whether it was the right one.
func (p *Player) answered(ctx context.Context, s *sending, now time.Time) (right bool, err error) {
	if s.wrong > 0 {
		s.wrong--
		return false, p.guessed(ctx, s, now)
	}
	compared, _, err := p.guess(ctx, s, now)
	if err != nil || s.attack {
		return compared, err
	}
	p.answers.Right++
	if !compared {
		p.answers.RightRefused++
		return false, nil
	}
	return true, p.engine.(Guesser).Right(ctx, p.state, s.receipt.Pool, now)
}

// guessed plays a wrong answer. After a typo the right answer follows, after a guess
// the next.
func (p *Player) guessed(ctx context.Context, s *sending, now time.Time) error {
	compared, alarm, err := p.guess(ctx, s, now)
	if err != nil {
		return err
	}
	if s.attack {
		p.answers.Guesses++
		if compared {
			p.answers.Compared++
		}
		if p.answers.alarmed = p.answers.alarmed || alarm; !p.answers.alarmed {
			p.answers.BeforeAlarm++
		}
	}
	if s.wrong > 0 || !s.attack {
		p.due(now.Add(time.Second), s)
	}
	return nil
}

// guess asks whether an answer may be compared, after a step-up if need be.
func (p *Player) guess(ctx context.Context, s *sending, now time.Time) (compared, alarm bool, err error) {
	stepped := false
	for {
		d, err := p.engine.(Guesser).Guess(ctx, p.state, s.receipt.Pool, s.receipt.Device != "", stepped, now)
		switch {
		case err != nil:
			return false, false, fmt.Errorf("guess: %w", err)
		case d.Verdict == guard.Send:
			p.state.Keep()
			return true, alarm, nil
		}
		p.state.Undo()
		if alarm = true; stepped || d.Verdict == guard.Refuse || !s.passes {
			return false, true, nil
		}
		stepped = true
	}
}
