package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/guard/pricelist"
)

// pricesOptions are what `bellhop guard prices` asks for.
type pricesOptions struct {
	prefix string // "" for all
	asCSV  bool
}

func (o *pricesOptions) flags() []config.Flag {
	return []config.Flag{
		{Name: "for", Arg: "PREFIX", Set: o.setPrefix, Help: "the prices of numbers that begin so, such as +44"},
		{Name: "csv", Set: func(string) error { o.asCSV = true; return nil }, Help: "print the list as the file of prices.file has it"},
	}
}

func (o *pricesOptions) setPrefix(v string) error {
	o.prefix = v
	return pricelist.CheckPrefix(v)
}

func guardPricesHelp() string {
	return config.Help((&pricesOptions{}).flags(), []string{"guard", "config"})
}

// guardPrices prints the price list that counts.
func guardPrices(_ context.Context, in invocation) error {
	var o pricesOptions
	cfg, err := loadTool(in, o.flags()...)
	if err != nil {
		return err
	}
	g, err := openGuard(cfg, in.env)
	if err != nil {
		return err
	}
	list := slices.SortedFunc(slices.Values(g.Prices), func(a, b pricelist.Row) int { return cmp.Compare(a.Prefix, b.Prefix) })
	if o.prefix != "" {
		list = pricesOf(list, o.prefix)
	}
	if o.asCSV {
		return printPriceList(in.stdout, list)
	}
	fallback := g.Settings.Prices.Fallback
	var rows [][]string
	for _, r := range list {
		price := "$" + dollars(r)
		if r.Unknown {
			price = fallback.String()
		}
		rows = append(rows, []string{r.Prefix, r.Country, price, r.Date, r.Source})
	}
	if err := printTable(in.stdout, []string{"PREFIX", "COUNTRY", "PRICE", "DATE", "SOURCE"}, rows); err != nil {
		return err
	}
	_, err = fmt.Fprintf(in.stdout, "\nThe newest price is of %s. Numbers that begin otherwise cost %v.\n", g.Settings.Prices.Date, fallback)
	return err
}

// pricesOf are the row that the prefix itself has, and those of longer ones.
func pricesOf(list []pricelist.Row, prefix string) []pricelist.Row {
	var own *pricelist.Row
	var longer []pricelist.Row
	for i, r := range list {
		switch {
		case strings.HasPrefix(prefix, r.Prefix):
			if own == nil || len(r.Prefix) > len(own.Prefix) {
				own = &list[i]
			}
		case strings.HasPrefix(r.Prefix, prefix):
			longer = append(longer, r)
		}
	}
	if own == nil {
		return longer
	}
	return append([]pricelist.Row{*own}, longer...)
}

func dollars(r pricelist.Row) string {
	return strconv.FormatFloat(float64(r.Micros)/1e6, 'f', -1, 64)
}

func printPriceList(w io.Writer, list []pricelist.Row) error {
	if _, err := fmt.Fprintln(w, pricelist.Header); err != nil {
		return err
	}
	lines := csv.NewWriter(w)
	for _, r := range list {
		price := dollars(r)
		if r.Unknown {
			price = pricelist.Unknown
		}
		if err := lines.Write([]string{r.Prefix, r.Country, price, r.Source, r.Date}); err != nil {
			return err
		}
	}
	lines.Flush()
	return lines.Error()
}
